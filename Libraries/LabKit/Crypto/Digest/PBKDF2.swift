import COpenSSL

/// A key from a password by PBKDF2 with HMAC-SHA-512 (RFC 8018, section 5.2), for formats of other programs that ask for
/// it. The lab's own passwords are hashed by ``PasswordHash``.
public enum PBKDF2 {
    /// - Parameters:
    ///   - iterations: 1 to 10,000,000; all of them are done on the calling thread.
    ///   - count: bytes of the key, 1 to 1024.
    public static func key(
        password: [UInt8], salt: [UInt8], iterations: Int, count: Int
    ) throws(CryptoError) -> [UInt8] {
        guard (1...10_000_000).contains(iterations), (1...1024).contains(count) else {
            throw .invalidKey(
                detail: "PBKDF2 was asked for \(iterations) iterations and \(count) bytes",
                remedy: "Ask for 1 to 10,000,000 iterations and 1 to 1024 bytes")
        }
        var key = [UInt8](repeating: 0, count: count)
        let result = password.withUnsafeBytes { bytes in
            PKCS5_PBKDF2_HMAC(
                bytes.bindMemory(to: CChar.self).baseAddress, Int32(bytes.count), salt, Int32(salt.count),
                Int32(iterations), EVP_sha512(), Int32(count), &key)
        }
        try CryptoError.check(result, "derive a key")
        return key
    }
}
