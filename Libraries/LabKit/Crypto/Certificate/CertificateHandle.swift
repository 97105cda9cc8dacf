import COpenSSL

/// Owner of one `X509`.
///
/// - Note: `@unchecked Sendable` because a certificate is never changed after it was signed or read; what OpenSSL
///   caches in it, it caches under the certificate's own lock.
final class CertificateHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// Takes over the reference.
    init(owning pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        X509_free(pointer)
    }
}
