public import FoundationEssentials
public import LabCore

/// A kind of declared thing: its name, who owns it, and the type of its spec.
///
/// The terms are those of Kubernetes' API conventions: spec, generation, condition, owner.
public protocol ResourceKind: Sendable {
    /// What a person declares. Its `Codable` form is the contract, in the database and on the wire.
    associatedtype Spec: Codable & Sendable & Hashable

    /// The kind's name in the database and in answers, in upper camel case: `Record`.
    static var name: String { get }
    /// The plural in paths and commands, in lower case: `records`.
    static var plural: String { get }
    /// One sentence for the documentation.
    static var summary: String { get }
    /// The condition types that its reconcilers set, in the order in which they come true.
    static var conditionTypes: [String] { get }
}

extension ResourceKind {
    /// The kind's name in event types: `record`.
    public static var eventPrefix: String { name.lowercased() }
}

/// Which declared thing: a kind and a name.
public struct ResourceKey: Sendable, Hashable, Codable, CustomStringConvertible {
    public let kind: String
    public let name: ResourceName

    public init(kind: String, name: ResourceName) {
        self.kind = kind
        self.name = name
    }

    public var description: String { "\(kind) \(name)" }
}

/// A declared thing as it stands in the database.
public struct Resource<Spec: Sendable>: Sendable {
    public let key: ResourceKey
    public let id: UUIDv7
    /// The thing that declared this one, and whose removal removes it.
    public let owner: ResourceKey?
    public let spec: Spec
    /// Rises with every change of the spec, and when the removal begins.
    public let generation: Int64
    public let createdAt: Date
    public let updatedAt: Date
    /// When its removal was asked for; it is gone once its reconciler has taken it away.
    public let deletedAt: Date?

    public init(
        key: ResourceKey, id: UUIDv7, owner: ResourceKey?, spec: Spec, generation: Int64, createdAt: Date,
        updatedAt: Date, deletedAt: Date?
    ) {
        self.key = key
        self.id = id
        self.owner = owner
        self.spec = spec
        self.generation = generation
        self.createdAt = createdAt
        self.updatedAt = updatedAt
        self.deletedAt = deletedAt
    }

    public var name: ResourceName { key.name }
    public var isDeleted: Bool { deletedAt != nil }

    /// The same resource with its spec seen as another type.
    public func with<Other: Sendable>(spec: Other) -> Resource<Other> {
        Resource<Other>(
            key: key, id: id, owner: owner, spec: spec, generation: generation, createdAt: createdAt,
            updatedAt: updatedAt, deletedAt: deletedAt)
    }
}
