import COpenSSL
public import LabCore

/// The private key of a certificate. New ones are of the curve P-256; any kind that OpenSSL knows can be read.
public struct PrivateKey: Sendable {
    let handle: KeyHandle

    /// A new key on the curve P-256.
    public init() throws(CryptoError) {
        handle = KeyHandle(owning: try CryptoError.check(lab_generate_p256(), "generate a P-256 key"))
    }

    /// The key of a PEM text: PKCS#8 or a traditional form, not encrypted.
    ///
    /// - Throws: ``CryptoError/invalidKey(detail:remedy:)``.
    public init(pem: Secret<String>) throws(CryptoError) {
        var bytes = Array(pem.reveal().utf8)
        defer { bytes.cleanse() }
        let buffer = try MemoryBuffer(bytes, isSecret: true)
        // Without a callback OpenSSL would ask for a pass phrase on the terminal.
        guard let key = PEM_read_bio_PrivateKey(buffer.pointer, nil, { _, _, _, _ in -1 }, nil) else {
            ERR_clear_error()
            throw .invalidKey(
                detail: "the text is not a private key in PEM",
                remedy: "Give an unencrypted key that begins with -----BEGIN PRIVATE KEY-----")
        }
        handle = KeyHandle(owning: key)
    }

    /// The key in PEM (PKCS#8, not encrypted); seal it before it is stored.
    public var pem: Secret<String> {
        get throws(CryptoError) {
            let buffer = try MemoryBuffer(isSecret: true)
            try CryptoError.check(
                PEM_write_bio_PKCS8PrivateKey(buffer.pointer, handle.pointer, nil, nil, 0, nil, nil),
                "write a private key")
            return Secret(buffer.text)
        }
    }
}
