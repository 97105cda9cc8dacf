import COpenSSL

/// AES-256-GCM (NIST SP 800-38D) with a 96-bit nonce and a 128-bit tag.
enum AESGCM {
    static let keyLength = 32
    static let nonceLength = 12
    static let tagLength = 16

    /// The ciphertext, as long as the plaintext, followed by the tag. A nonce must never be used twice with one key.
    static func seal(
        _ plaintext: [UInt8], key: SecretBytes, nonce: [UInt8], authenticating header: [UInt8]
    ) throws(CryptoError) -> [UInt8] {
        let cipher = try Cipher(key: key, nonce: nonce, encrypting: true)
        try cipher.authenticate(header)
        var box = try cipher.process(plaintext[...])
        guard cipher.finish() else { throw CryptoError.last("finish an encryption") }
        box += try cipher.tag()
        return box
    }

    /// The plaintext, or nil where ciphertext, tag, nonce, header and key do not belong together.
    static func open(
        _ ciphertextAndTag: ArraySlice<UInt8>, key: SecretBytes, nonce: [UInt8], authenticating header: [UInt8]
    ) throws(CryptoError) -> [UInt8]? {
        guard ciphertextAndTag.count >= tagLength else { return nil }
        let cipher = try Cipher(key: key, nonce: nonce, encrypting: false)
        try cipher.authenticate(header)
        var plaintext = try cipher.process(ciphertextAndTag.dropLast(tagLength))
        try cipher.expect(tag: Array(ciphertextAndTag.suffix(tagLength)))
        guard cipher.finish() else {
            plaintext.cleanse()
            ERR_clear_error()
            return nil
        }
        return plaintext
    }

    /// Owner of one `EVP_CIPHER_CTX`; freeing it also overwrites the key schedule.
    private final class Cipher {
        private let context: OpaquePointer

        init(key: SecretBytes, nonce: [UInt8], encrypting: Bool) throws(CryptoError) {
            precondition(key.count == keyLength && nonce.count == nonceLength)
            context = try CryptoError.check(EVP_CIPHER_CTX_new(), "make a cipher")
            try CryptoError.check(
                key.withUnsafeBytes { key in
                    EVP_CipherInit_ex(
                        context, EVP_aes_256_gcm(), nil, key.assumingMemoryBound(to: UInt8.self).baseAddress, nonce,
                        encrypting ? 1 : 0)
                }, "start AES-256-GCM")
        }

        deinit {
            EVP_CIPHER_CTX_free(context)
        }

        func authenticate(_ header: [UInt8]) throws(CryptoError) {
            var count: Int32 = 0
            try CryptoError.check(
                EVP_CipherUpdate(context, nil, &count, header, Int32(header.count)), "authenticate a header")
        }

        func process(_ input: ArraySlice<UInt8>) throws(CryptoError) -> [UInt8] {
            guard !input.isEmpty else { return [] }
            guard input.count <= Int32.max else {
                throw CryptoError.openSSL(operation: "encrypt a value", reason: "it is larger than 2 GiB")
            }
            var count: Int32 = 0
            var output = [UInt8](repeating: 0, count: input.count)
            let result = input.withUnsafeBufferPointer { input in
                EVP_CipherUpdate(context, &output, &count, input.baseAddress, Int32(input.count))
            }
            try CryptoError.check(result, "run AES-256-GCM")
            return output
        }

        /// False when decrypting and the tag does not match.
        func finish() -> Bool {
            var count: Int32 = 0
            var rest = [UInt8](repeating: 0, count: 16)
            return EVP_CipherFinal_ex(context, &rest, &count) == 1
        }

        func tag() throws(CryptoError) -> [UInt8] {
            var tag = [UInt8](repeating: 0, count: tagLength)
            try CryptoError.check(lab_gcm_get_tag(context, Int32(tagLength), &tag), "read the tag")
            return tag
        }

        func expect(tag: [UInt8]) throws(CryptoError) {
            try CryptoError.check(lab_gcm_set_tag(context, Int32(tagLength), tag), "set the tag")
        }
    }
}
