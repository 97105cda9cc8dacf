public import LabCore

/// A thing that a reconciler or a person declares: the whole of its spec.
public struct Declaration: Sendable {
    public let key: ResourceKey
    public let owner: ResourceKey?
    public let id: UUIDv7
    /// The spec as JSON.
    public let spec: JSONText
    /// When given, only this generation is replaced; 0 means that it must not exist yet.
    public let expectedGeneration: Int64?

    public init(
        _ key: ResourceKey, owner: ResourceKey? = nil, spec: some Encodable, expectedGeneration: Int64? = nil,
        id: UUIDv7 = UUIDv7()
    ) throws {
        self.key = key
        self.owner = owner
        self.id = id
        self.spec = try JSONText(encoding: spec)
        self.expectedGeneration = expectedGeneration
    }
}

/// What a declaration did.
public struct DeclarationResult: Sendable, Hashable {
    public let key: ResourceKey
    public let generation: Int64
    public let isCreated: Bool
    /// False when the same was declared already.
    public let isChanged: Bool
}
