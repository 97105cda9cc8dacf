import LabCore
import LabState

/// A question to the resolver, and what it is to answer; nil for nothing.
struct RecordExpectation: Sendable, Hashable {
    let question: Question
    let set: RecordSet?
    /// What must not come back any more. Where the lab does not answer for the whole zone, the public tree may give
    /// something else.
    var removed: RecordSet?

    func isMet(by answered: RecordSet?) -> Bool {
        if set == nil, let removed { return answered != removed }
        return answered == set
    }
}

/// What the resolver answered to the questions for one record.
struct RecordObservation: Sendable {
    private(set) var answers: [(expectation: RecordExpectation, answer: Result<Answer, ResolverError>)] = []

    mutating func add(_ expectation: RecordExpectation, _ answer: Result<Answer, ResolverError>) {
        answers.append((expectation, answer))
    }

    /// Whether every answer is the one expected.
    var isMatch: Bool {
        answers.allSatisfy { expectation, answer in
            guard case .success(let answer) = answer else { return false }
            return expectation.isMet(by: Self.set(in: answer, for: expectation.question))
        }
    }

    /// The failure of a question that was not answered, if any.
    var failure: ResolverError? {
        for (_, answer) in answers {
            if case .failure(let error) = answer { return error }
        }
        return nil
    }

    /// What was asked, what came back, in how many milliseconds.
    var sentence: String {
        answers.map { expectation, answer in
            let question = "\(expectation.question.name) \(expectation.question.type.rawValue)"
            guard case .success(let answer) = answer else { return "Asked for \(question): no answer" }
            let set = Self.set(in: answer, for: expectation.question)
            let came = set?.summary ?? (answer.code == "NOERROR" ? "no such record" : answer.code)
            return "Asked for \(question): \(came) in \(Self.text(answer.elapsed)) ms"
        }.joined(separator: "; ")
    }

    /// What should have come back.
    var expected: String {
        answers.map { $0.expectation.set?.summary ?? "no \($0.expectation.question.type.rawValue) record" }
            .joined(separator: "; ")
    }

    static func set(in answer: Answer, for question: Question) -> RecordSet? {
        answer.sets.first { $0.name == question.name && $0.type == question.type }
    }

    private static func text(_ duration: Duration) -> String {
        let tenths = Int((duration.milliseconds * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension RecordTable {
    /// What to ask the resolver about a record, and what it is to answer; nothing for one that is not published.
    func expectations(of resource: Resource<RecordSpec>) -> [RecordExpectation] {
        let set = resource.spec.set
        guard !resource.isDeleted else {
            let question = Question(probe(set.name), set.type)
            return [
                RecordExpectation(
                    question: question, set: published(question), removed: set.moved(to: question.name))
            ]
        }
        guard refusal(of: resource.name) == nil else { return [] }
        let types = set.type == .cname ? (publication.names[set.name] ?? []).map(\.type) : [set.type]
        return types.map { type in
            let question = Question(probe(set.name), type)
            return RecordExpectation(question: question, set: published(question))
        }
    }

    /// The name itself, or for a wildcard a name that it answers for.
    private func probe(_ name: RecordName) -> RecordName {
        guard name.isWildcard else { return name }
        let apex = name.withoutWildcard.text
        let candidates = (0..<100).lazy.compactMap { try? RecordName("lab-probe-\($0).\(apex)") }
        return candidates.first { self.resources(at: $0).isEmpty } ?? name
    }
}
