public import FoundationEssentials
public import LabCore

/// How far the world is with a declared thing, in one respect: what was *observed*, never what was intended.
public struct Condition: Sendable, Hashable, Codable {
    public enum Status: String, Sendable, Codable, CaseIterable {
        case `true`
        case `false`
        case unknown
    }

    /// The respect, in upper camel case: `Resolvable`.
    public let type: String
    public let status: Status
    /// One word in upper camel case, for programs: `AnswerMatches`.
    public let reason: String
    /// A sentence for a person: what was asked, what came back.
    public let message: String
    /// The numbers behind the message, for programs: `{"milliseconds": 12.5}`.
    public let observation: JSONValue?

    public init(
        _ type: String, _ status: Status, reason: String, message: String, observation: JSONValue? = nil
    ) {
        self.type = type
        self.status = status
        self.reason = reason
        self.message = message
        self.observation = observation
    }

    /// It is so.
    public static func met(
        _ type: String, reason: String, message: String, observation: JSONValue? = nil
    ) -> Condition {
        Condition(type, .true, reason: reason, message: message, observation: observation)
    }

    /// It is not so.
    public static func unmet(
        _ type: String, reason: String, message: String, observation: JSONValue? = nil
    ) -> Condition {
        Condition(type, .false, reason: reason, message: message, observation: observation)
    }

    /// It cannot be told now.
    public static func unknown(
        _ type: String, reason: String, message: String, observation: JSONValue? = nil
    ) -> Condition {
        Condition(type, .unknown, reason: reason, message: message, observation: observation)
    }
}

/// A condition with when and of what it was observed.
public struct ObservedCondition: Sendable, Hashable {
    public let key: ResourceKey
    public let condition: Condition
    /// The generation of the spec that was looked at.
    public let observedGeneration: Int64
    public let observedAt: Date
    /// When the status last changed.
    public let transitionAt: Date

    public init(
        key: ResourceKey, condition: Condition, observedGeneration: Int64, observedAt: Date, transitionAt: Date
    ) {
        self.key = key
        self.condition = condition
        self.observedGeneration = observedGeneration
        self.observedAt = observedAt
        self.transitionAt = transitionAt
    }
}

extension Collection<ObservedCondition> {
    /// The condition of a type, where it was observed of this generation or a later one; an older one says nothing.
    public func current(_ type: String, generation: Int64) -> Condition? {
        first { $0.condition.type == type && $0.observedGeneration >= generation }?.condition
    }
}
