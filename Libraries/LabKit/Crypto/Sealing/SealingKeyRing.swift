public import LabCore

/// The keys that a program seals secrets with: the newest seals, all of them open.
///
/// A sealed box is, in this order:
///
/// | bytes | what |
/// |---|---|
/// | 1 | version of the format, 1 |
/// | 8 | identifier of the key |
/// | 12 | nonce, random |
/// | n | ciphertext, as long as the plaintext |
/// | 16 | tag |
///
/// Version, identifier and context are authenticated with the ciphertext (AES-256-GCM). Nonces are random, which is
/// safe for up to 2³² boxes of one key (NIST SP 800-38D, 8.3).
public struct SealingKeyRing: Sendable {
    /// How much longer a box is than what it holds, in bytes.
    public static let overhead = headerLength + AESGCM.nonceLength + AESGCM.tagLength

    private static let version: UInt8 = 1
    private static let headerLength = 1 + SealingKey.identifierLength

    /// The key that seals.
    public let newest: SealingKey
    /// Keys that only open, newest first.
    public let older: [SealingKey]

    public init(newest: SealingKey, older: [SealingKey] = []) {
        self.newest = newest
        self.older = older
    }

    /// All keys, newest first.
    public var keys: [SealingKey] { [newest] + older }

    /// Seals `plaintext` with the newest key.
    ///
    /// - Parameter context: where the box belongs, for example `"secret/app/nas/password"`; opening it elsewhere fails,
    ///   so that a box cannot be moved to another place in the database. It is not stored.
    /// - Throws: ``CryptoError/openSSL(operation:reason:)`` only.
    public func seal(_ plaintext: [UInt8], context: String) throws(CryptoError) -> [UInt8] {
        let header = [Self.version] + newest.identifierBytes
        let nonce = RandomBytes.make(AESGCM.nonceLength)
        return try header + nonce
            + AESGCM.seal(
                plaintext, key: newest.material, nonce: nonce, authenticating: header + Array(context.utf8))
    }

    /// What `box` holds.
    ///
    /// - Throws: ``CryptoError``: `truncatedBox`, `unknownBoxVersion`, `unknownSealingKey` or `tamperedBox`.
    public func open(_ box: [UInt8], context: String) throws(CryptoError) -> [UInt8] {
        let identifier = try Self.keyIdentifier(of: box)
        guard let key = keys.first(where: { $0.identifierBytes == identifier }) else {
            throw .unknownSealingKey(identifier: Hex.encode(identifier))
        }
        let nonceEnd = Self.headerLength + AESGCM.nonceLength
        let plaintext = try AESGCM.open(
            box[nonceEnd...], key: key.material, nonce: Array(box[Self.headerLength..<nonceEnd]),
            authenticating: box[..<Self.headerLength] + Array(context.utf8))
        guard let plaintext else { throw .tamperedBox(context: context) }
        return plaintext
    }

    /// Seals a text; see ``seal(_:context:)-([UInt8],_)``.
    public func seal(_ text: Secret<String>, context: String) throws(CryptoError) -> [UInt8] {
        var bytes = Array(text.reveal().utf8)
        defer { bytes.cleanse() }
        return try seal(bytes, context: context)
    }

    /// The text that `box` holds.
    ///
    /// - Throws: as ``open(_:context:)`` does, and `tamperedBox` where the box does not hold UTF-8 text.
    public func openText(_ box: [UInt8], context: String) throws(CryptoError) -> Secret<String> {
        var bytes = try open(box, context: context)
        defer { bytes.cleanse() }
        guard let text = String(validating: bytes, as: UTF8.self) else { throw .tamperedBox(context: context) }
        return Secret(text)
    }

    /// Whether `box` was sealed with an older key, and should be opened and sealed again.
    public func isOutdated(_ box: [UInt8]) throws(CryptoError) -> Bool {
        try Self.keyIdentifier(of: box) != newest.identifierBytes
    }

    /// The key that a box names, once its version and length are right.
    private static func keyIdentifier(of box: [UInt8]) throws(CryptoError) -> [UInt8] {
        guard let version = box.first else { throw .truncatedBox(length: 0) }
        guard version == Self.version else { throw .unknownBoxVersion(version) }
        guard box.count >= overhead else { throw .truncatedBox(length: box.count) }
        return Array(box[1..<headerLength])
    }
}
