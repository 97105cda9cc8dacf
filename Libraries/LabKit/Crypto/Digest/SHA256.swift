import COpenSSL

/// SHA-256 (FIPS 180-4), of a whole value or piece by piece.
///
///     var hash = SHA256()
///     hash.update(head)
///     hash.update(body)
///     let digest = hash.finalize()
///
/// - Note: `@unchecked Sendable` because the context has exactly one owner: the value cannot be copied.
public struct SHA256: ~Copyable, @unchecked Sendable {
    /// The length of a digest in bytes.
    public static let byteCount = 32

    /// Looked up once: an implicit fetch at each call costs more than a short hash does. Never freed, and immutable
    /// after the fetch, so it may be shared between threads (EVP_MD_fetch(3)).
    nonisolated(unsafe) static let algorithm: OpaquePointer = {
        guard let algorithm = EVP_MD_fetch(nil, "SHA256", nil) else {
            preconditionFailure("libcrypto has no SHA-256: \(CryptoError.last("find SHA-256"))")
        }
        return algorithm
    }()

    private let context: OpaquePointer

    public init() {
        guard let context = EVP_MD_CTX_new() else { preconditionFailure("out of memory for a digest context") }
        self.context = context
        Self.require(EVP_DigestInit_ex2(context, Self.algorithm, nil))
    }

    deinit {
        EVP_MD_CTX_free(context)
    }

    public mutating func update(_ bytes: [UInt8]) {
        Self.require(EVP_DigestUpdate(context, bytes, bytes.count))
    }

    public mutating func update(_ bytes: RawSpan) {
        bytes.withUnsafeBytes { buffer in
            guard !buffer.isEmpty else { return }
            Self.require(EVP_DigestUpdate(context, buffer.baseAddress, buffer.count))
        }
    }

    /// The 32 bytes of the digest of everything given so far.
    public consuming func finalize() -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: Self.byteCount) { buffer, count in
            Self.require(EVP_DigestFinal_ex(context, buffer.baseAddress, nil))
            count = Self.byteCount
        }
    }

    /// The 32 bytes of the digest of `bytes`.
    public static func hash(_ bytes: [UInt8]) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            require(EVP_Digest(bytes, bytes.count, buffer.baseAddress, nil, algorithm, nil))
            count = byteCount
        }
    }

    /// A digest of memory fails only when libcrypto itself is broken; then no answer is right.
    private static func require(_ result: Int32) {
        precondition(result == 1, "libcrypto could not compute SHA-256")
    }
}
