import COpenSSL

/// Comparisons that take the same time wherever two values differ, so that a guess cannot be improved byte by byte.
public enum ConstantTime {
    /// Whether both are equal. Their lengths are not kept secret.
    public static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// Whether both have the same UTF-8 bytes. Their lengths are not kept secret.
    public static func isEqual(_ left: String, _ right: String) -> Bool {
        isEqual(Array(left.utf8), Array(right.utf8))
    }
}
