import COpenSSL

/// HMAC with SHA-256 (RFC 2104, RFC 4231): shows that a message comes from a holder of the key.
public enum HMAC {
    /// The 32 bytes of the authentication code of `message`.
    public static func authenticate(_ message: [UInt8], key: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: SHA256.byteCount) { buffer, count in
            // A null key would mean “the key of the last call”; an empty array passes a pointer all the same.
            let code = COpenSSL.HMAC(
                SHA256.algorithm, key, Int32(key.count), message, message.count, buffer.baseAddress, nil)
            precondition(code != nil, "libcrypto could not compute HMAC-SHA-256")
            count = SHA256.byteCount
        }
    }

    /// Whether `code` is the authentication code of `message`; takes the same time wherever it differs.
    public static func isValid(_ code: [UInt8], for message: [UInt8], key: [UInt8]) -> Bool {
        ConstantTime.isEqual(code, authenticate(message, key: key))
    }
}
