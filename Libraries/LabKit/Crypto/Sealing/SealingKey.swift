public import LabCore

/// A 256-bit key that seals secrets. Its memory is overwritten when the last copy goes.
public struct SealingKey: Sendable {
    /// The length of a key in bytes.
    public static let byteCount = AESGCM.keyLength

    static let identifierLength = 8

    let material: SecretBytes
    let identifierBytes: [UInt8]

    /// A key from its 32 bytes.
    ///
    /// - Throws: ``CryptoError/invalidKey(detail:remedy:)`` for another length.
    public init(_ bytes: Secret<[UInt8]>) throws(CryptoError) {
        let bytes = bytes.reveal()
        guard bytes.count == Self.byteCount else {
            throw .invalidKey(
                detail: "a sealing key has \(Self.byteCount) bytes, this one has \(bytes.count)",
                remedy: "Restore the key from a backup")
        }
        self.init(checked: bytes)
    }

    private init(checked bytes: [UInt8]) {
        material = SecretBytes(bytes)
        // The hash of a key with 256 random bits tells nothing about it.
        identifierBytes = Array(
            SHA256.hash(Array("lab sealing key identifier".utf8) + bytes).prefix(Self.identifierLength))
    }

    /// A new random key.
    public static func generate() -> SealingKey {
        var bytes = RandomBytes.make(byteCount)
        defer { bytes.cleanse() }
        return SealingKey(checked: bytes)
    }

    /// Names the key without revealing it: 16 hexadecimal digits.
    public var identifier: String { Hex.encode(identifierBytes) }

    /// The 32 bytes of the key.
    public var bytes: Secret<[UInt8]> { Secret(material.withUnsafeBytes(Array.init)) }
}
