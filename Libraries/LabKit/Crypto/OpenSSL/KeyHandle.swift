import COpenSSL

/// Owner of one `EVP_PKEY`.
///
/// - Note: `@unchecked Sendable` because a key is never changed after it was made, and OpenSSL 3 allows several threads
///   to read one at once (openssl-threads(7)).
final class KeyHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the reference.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        EVP_PKEY_free(pointer)
    }
}
