import COpenSSL

/// A certificate followed by those of the authorities above it, as servers send them.
public struct CertificateChain: Sendable {
    private static let limit = 16

    /// The certificate of the server itself.
    public let leaf: Certificate
    /// The authorities', from the leaf upwards.
    public let authorities: [Certificate]

    /// Reads one or more certificates in PEM. Text between them is skipped.
    ///
    /// - Throws: ``CryptoError/invalidCertificate(detail:remedy:)`` for none, a broken one, or more than 16.
    public init(pem: String) throws(CryptoError) {
        let buffer = try MemoryBuffer(Array(pem.utf8))
        var certificates: [Certificate] = []
        while let pointer = PEM_read_bio_X509(buffer.pointer, nil, { _, _, _, _ in -1 }, nil) {
            certificates.append(try Certificate(CertificateHandle(owning: pointer)))
            guard certificates.count <= Self.limit else {
                throw .invalidCertificate(
                    detail: "the text has more than \(Self.limit) certificates", remedy: "Give one chain")
            }
        }
        // The end of the text shows as “no start line”; anything else is a certificate that could not be read.
        let isAtEnd = lab_is_pem_end(ERR_peek_last_error()) == 1
        defer { ERR_clear_error() }
        guard isAtEnd else {
            throw .invalidCertificate(
                detail: "certificate \(certificates.count + 1) of the text is damaged", remedy: "Copy the whole text")
        }
        guard let leaf = certificates.first else {
            throw .invalidCertificate(
                detail: "the text holds no certificate in PEM",
                remedy: "Give text with -----BEGIN CERTIFICATE-----")
        }
        self.leaf = leaf
        authorities = Array(certificates.dropFirst())
    }

    public init(leaf: Certificate, authorities: [Certificate]) {
        self.leaf = leaf
        self.authorities = authorities
    }
}
