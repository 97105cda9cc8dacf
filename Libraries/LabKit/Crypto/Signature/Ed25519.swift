import COpenSSL
public import LabCore

/// Signatures with Ed25519 (RFC 8032): 32-byte public keys, 64-byte signatures.
public enum Ed25519 {
    public static let publicKeyLength = 32
    public static let signatureLength = 64
    private static let seedLength = 32

    /// A public key, for checking signatures.
    public struct PublicKey: Sendable {
        private let handle: KeyHandle
        /// The 32 bytes of the key.
        public let bytes: [UInt8]

        /// A key from its 32 bytes.
        ///
        /// - Throws: ``CryptoError/invalidKey(detail:remedy:)`` for another length.
        public init(_ bytes: [UInt8]) throws(CryptoError) {
            guard bytes.count == publicKeyLength else {
                throw .invalidKey(
                    detail: "an Ed25519 public key has \(publicKeyLength) bytes, this one has \(bytes.count)",
                    remedy: "Copy the whole key, 64 hexadecimal digits")
            }
            let key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nil, bytes, bytes.count)
            handle = KeyHandle(owning: try CryptoError.check(key, "read an Ed25519 public key"))
            self.bytes = bytes
        }

        /// Whether `signature` was made over `message` by the private key that belongs to this one.
        public func isValid(_ signature: [UInt8], for message: [UInt8]) -> Bool {
            guard signature.count == signatureLength, let context = EVP_MD_CTX_new() else { return false }
            defer {
                EVP_MD_CTX_free(context)
                ERR_clear_error()
            }
            return EVP_DigestVerifyInit(context, nil, nil, nil, handle.pointer) == 1
                && EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        }
    }

    /// A private key, for signing.
    public struct PrivateKey: Sendable {
        private let handle: KeyHandle
        public let publicKey: PublicKey

        /// A new random key.
        public init() throws(CryptoError) {
            try self.init(seed: Secret(RandomBytes.make(seedLength)))
        }

        /// The key of a 32-byte seed (RFC 8032, 5.1.5).
        public init(seed: Secret<[UInt8]>) throws(CryptoError) {
            let seed = seed.reveal()
            guard seed.count == seedLength else {
                throw .invalidKey(
                    detail: "an Ed25519 private key has \(seedLength) bytes, this one has \(seed.count)",
                    remedy: "Restore the key from a backup")
            }
            let key = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nil, seed, seed.count)
            handle = KeyHandle(owning: try CryptoError.check(key, "read an Ed25519 private key"))
            var bytes = [UInt8](repeating: 0, count: publicKeyLength)
            var count = bytes.count
            try CryptoError.check(
                EVP_PKEY_get_raw_public_key(handle.pointer, &bytes, &count), "derive an Ed25519 public key")
            publicKey = try PublicKey(bytes)
        }

        /// The 32 bytes that the key is made of.
        public var seed: Secret<[UInt8]> {
            get throws(CryptoError) {
                var bytes = [UInt8](repeating: 0, count: seedLength)
                var count = bytes.count
                try CryptoError.check(
                    EVP_PKEY_get_raw_private_key(handle.pointer, &bytes, &count), "read an Ed25519 private key")
                return Secret(bytes)
            }
        }

        /// The 64 bytes of the signature over `message`.
        public func sign(_ message: [UInt8]) throws(CryptoError) -> [UInt8] {
            let context = try CryptoError.check(EVP_MD_CTX_new(), "make a signature")
            defer { EVP_MD_CTX_free(context) }
            try CryptoError.check(EVP_DigestSignInit(context, nil, nil, nil, handle.pointer), "start a signature")
            var signature = [UInt8](repeating: 0, count: signatureLength)
            var count = signature.count
            try CryptoError.check(
                EVP_DigestSign(context, &signature, &count, message, message.count), "make a signature")
            return signature
        }
    }
}
