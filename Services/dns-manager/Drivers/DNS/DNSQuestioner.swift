import LabCore
import LabDNSClient

/// Asks a DNS server through LabDNSClient, and gives its answers in the terms of record sets.
struct DNSQuestioner: Questioner {
    private let client: DNSClient

    /// - Parameter host: an IP address.
    init(host: String, port: Int) {
        client = DNSClient(server: host, port: port, questionsInFlight: Self.width)
    }

    /// For messages: `127.0.0.1:53`.
    var server: String { client.server }

    /// How many questions are asked at once.
    private static let width = 128

    func answer(_ questions: [Question]) async -> [Result<Answer, ResolverError>] {
        var results: [Result<Answer, ResolverError>] = []
        results.reserveCapacity(questions.count)
        for start in stride(from: 0, to: questions.count, by: Self.width) {
            let part = await answerAtOnce(Array(questions[start..<min(start + Self.width, questions.count)]))
            results += part
            // A server that answers none of so many is away: the rest would only wait for the same.
            if case .failure(let error)? = part.first, part.allSatisfy(\.isFailure) {
                results += Array(repeating: .failure(error), count: questions.count - results.count)
                break
            }
        }
        return results
    }

    private func answerAtOnce(_ questions: [Question]) async -> [Result<Answer, ResolverError>] {
        await withTaskGroup(of: (Int, Result<Answer, ResolverError>).self) { group in
            for (index, question) in questions.enumerated() {
                group.addTask { (index, await answer(question)) }
            }
            var results: [Result<Answer, ResolverError>?] = Array(repeating: nil, count: questions.count)
            for await (index, result) in group { results[index] = result }
            return results.compactMap { $0 }
        }
    }

    private func answer(_ question: Question) async -> Result<Answer, ResolverError> {
        let begin = ContinuousClock.now
        do {
            let answer = try await client.ask(question.name, DNSRecordType(code: question.type.code))
            return .success(
                Answer(
                    code: answer.responseCode.description, sets: Self.sets(answer.records),
                    elapsed: ContinuousClock.now - begin))
        } catch {
            return .failure(ResolverError(.unavailable, "\(error)"))
        }
    }

    /// The records of types that can be declared, gathered into sets.
    static func sets(_ records: [DNSRecord]) -> [RecordSet] {
        var found: [Question: (ttl: Int, values: [String])] = [:]
        for record in records {
            guard let type = RecordType(code: record.type.code), let name = try? RecordName(record.name) else {
                continue
            }
            found[Question(name, type), default: (Int(record.ttl), [])].values.append(value(record.value))
        }
        return found.map {
            RecordSet(name: $0.key.name, type: $0.key.type, ttl: $0.value.ttl, values: $0.value.values.sorted())
        }
        .sorted { ($0.name, $0.type.code) < ($1.name, $1.type.code) }
    }

    /// The data in the canonical spelling of ``RecordValue``.
    private static func value(_ value: DNSRecordValue) -> String {
        switch value {
        case .txt(let strings): String(decoding: strings.joined(), as: UTF8.self)
        case .caa(let flags, let tag, let value):
            "\(flags) \(tag.lowercased()) \"\(String(decoding: value, as: UTF8.self))\""
        default: value.description
        }
    }
}

extension Result {
    fileprivate var isFailure: Bool {
        if case .failure = self { true } else { false }
    }
}
