import COpenSSL

/// A request to an authority for a certificate (PKCS#10, RFC 2986), as ACME wants it (RFC 8555, 7.4).
public struct CertificateRequest: Sendable {
    /// The signed request.
    public let der: [UInt8]
    public let pem: String

    /// Makes a request for `names`, signed with `key`. Its subject is empty: authorities look at the names only.
    ///
    /// - Throws: ``CryptoError/invalidCertificate(detail:remedy:)`` for no name.
    public init(for names: [CertificateName], key: PrivateKey) throws(CryptoError) {
        guard !names.isEmpty else {
            throw .invalidCertificate(
                detail: "a certificate for no name was asked for", remedy: "Give one or more host names or addresses")
        }
        let request = try CryptoError.check(X509_REQ_new(), "make a request")
        defer { X509_REQ_free(request) }
        try CryptoError.check(X509_REQ_set_version(request, 0), "set the version")
        try CryptoError.check(X509_REQ_set_pubkey(request, key.handle.pointer), "set the public key")
        try Self.add(names, to: request)
        guard X509_REQ_sign(request, key.handle.pointer, EVP_sha256()) > 0 else {
            throw CryptoError.last("sign a request")
        }
        let binary = try MemoryBuffer()
        try CryptoError.check(i2d_X509_REQ_bio(binary.pointer, request), "write a request")
        let text = try MemoryBuffer()
        try CryptoError.check(PEM_write_bio_X509_REQ(text.pointer, request), "write a request")
        der = binary.bytes
        pem = text.text
    }

    private static func add(_ names: [CertificateName], to request: OpaquePointer) throws(CryptoError) {
        let list = try GeneralNames(names)
        let element = withExtendedLifetime(list) {
            X509V3_EXT_i2d(NID_subject_alt_name, 1, UnsafeMutableRawPointer(list.pointer))
        }
        let made = try CryptoError.check(element, "list the names")
        defer { X509_EXTENSION_free(made) }
        let extensions = try CryptoError.check(OPENSSL_sk_new_null(), "list the names")
        // The list does not own its element; the request makes a copy.
        defer { OPENSSL_sk_free(extensions) }
        guard OPENSSL_sk_push(extensions, UnsafeRawPointer(made)) > 0 else { throw CryptoError.last("list the names") }
        try CryptoError.check(X509_REQ_add_extensions(request, extensions), "add the names")
    }
}
