import COpenSSL

/// Bytes that nobody can predict, from OpenSSL's generator, which the system seeds.
public enum RandomBytes {
    /// `count` random bytes.
    public static func make(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            // Without entropy there is no safe way on; RAND_bytes fails only when the system has none to give.
            precondition(RAND_bytes(buffer.baseAddress, Int32(count)) == 1, "the system has no random bytes to give")
            initialized = count
        }
    }
}
