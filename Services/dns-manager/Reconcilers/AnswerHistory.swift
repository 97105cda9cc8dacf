import FoundationEssentials
import LabCore
import LabState

/// What records were seen to answer, and until when clients may keep what they answered before.
struct AnswerHistory: Sendable {
    private var answered: [ResourceName: RecordSet] = [:]
    private var earlier: [ResourceName: (set: RecordSet, until: Date)] = [:]
    /// How long the resolver lets “no such name” be kept.
    private static let negativeTTL = 60.0

    /// Takes over what an earlier run saw.
    mutating func recall(_ name: ResourceName, _ set: RecordSet) {
        answered[name] = set
    }

    /// Notes a right answer; returns whether it is another than the one before.
    mutating func note(_ name: ResourceName, _ set: RecordSet, at now: Date) -> Bool {
        let before = answered.updateValue(set, forKey: name)
        guard before != set else { return false }
        if let before { earlier[name] = (before, now.addingTimeInterval(Double(before.ttl))) }
        return true
    }

    /// Forgets a record that is gone; returns until when clients may keep its last answer.
    mutating func forget(_ name: ResourceName, at now: Date) -> Date? {
        earlier[name] = nil
        return answered.removeValue(forKey: name).map { now.addingTimeInterval(Double($0.ttl)) }
    }

    /// What clients may still answer themselves with instead of the present answer.
    func cached(_ resource: Resource<RecordSpec>, at now: Date) -> (until: Date, sentence: String)? {
        if let (set, until) = earlier[resource.name] {
            return until > now
                ? (until, "Clients may keep the earlier answer (\(set.summary)) until \(until.rfc3339)") : nil
        }
        let until = resource.createdAt.addingTimeInterval(Self.negativeTTL)
        return until > now
            ? (until, "Clients that asked before may keep “no such name” until \(until.rfc3339)") : nil
    }
}
