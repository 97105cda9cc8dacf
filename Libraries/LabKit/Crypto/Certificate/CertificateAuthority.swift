import COpenSSL
public import FoundationEssentials
public import LabCore

/// An intermediate of the lab's root: issues the certificates of servers, which live for 90 days.
public struct CertificateAuthority: Sendable {
    private static let leafLifetime: TimeInterval = 90 * 86400

    public let certificate: Certificate
    public let privateKey: PrivateKey
    /// The domain that it may issue for, with all names below it; nil where it is not constrained.
    public let permittedDomain: Hostname?

    /// An intermediate that was stored.
    ///
    /// - Throws: ``CryptoError``: `invalidCertificate` or `invalidKey`, also where the two do not belong together.
    public init(certificatePEM: String, keyPEM: Secret<String>) throws(CryptoError) {
        try self.init(certificate: Certificate(pem: certificatePEM), privateKey: PrivateKey(pem: keyPEM))
    }

    init(certificate: Certificate, privateKey: PrivateKey) throws(CryptoError) {
        self.certificate = certificate
        self.privateKey = privateKey
        permittedDomain = NameConstraints.permittedDomain(of: certificate.handle.pointer)
        try certificate.requireAuthority(with: privateKey)
    }

    /// The moment to replace this intermediate. What is issued before then lives its full 90 days.
    public var renewalDate: Date { certificate.renewalDate }

    /// Issues a server's certificate.
    ///
    /// - Parameters:
    ///   - names: one or more; the first becomes the common name where it fits.
    ///   - key: the server's key; nil makes a new one, as each renewal should.
    /// - Throws: ``CryptoError/invalidCertificate(detail:remedy:)`` where there is no name, one lies outside
    ///   ``permittedDomain``, or the authority itself is not valid at `date`.
    public func issue(
        for names: [CertificateName], key: PrivateKey? = nil, at date: Date
    ) throws(CryptoError) -> IssuedCertificate {
        try certificate.requireValidity(at: date)
        try check(names)
        let key = if let key { key } else { try PrivateKey() }
        let commonName = names.first.flatMap { !$0.isAddress && $0.text.utf8.count <= 64 ? $0.text : nil }
        let builder = try CertificateBuilder(
            commonName: commonName, key: key, signer: .authority(certificate, privateKey), at: date,
            lifetime: Self.leafLifetime)
        try builder.add(NID_basic_constraints, "critical,CA:FALSE")
        try builder.add(NID_key_usage, "critical,digitalSignature")
        try builder.add(NID_ext_key_usage, "serverAuth")
        // With an empty subject the names are all there is, and so critical (RFC 5280, 4.2.1.6).
        try builder.addNames(names, critical: commonName == nil)
        let leaf = try builder.sign()
        return IssuedCertificate(
            certificate: leaf, chainPEM: try leaf.pem + certificate.pem, privateKeyPEM: try key.pem)
    }

    private func check(_ names: [CertificateName]) throws(CryptoError) {
        guard !names.isEmpty else {
            throw .invalidCertificate(
                detail: "a certificate for no name was asked for", remedy: "Give one or more host names or addresses")
        }
        guard let permittedDomain else { return }
        for name in names where !name.isAddress && !name.isInside(permittedDomain) {
            throw .invalidCertificate(
                detail: "“\(name)” lies outside \(permittedDomain), the only domain that this authority may sign for",
                remedy: "Use a name in \(permittedDomain), or a public authority")
        }
    }
}

/// A certificate with all that a server needs to use it.
public struct IssuedCertificate: Sendable {
    public let certificate: Certificate
    /// The certificate and its intermediate, in the order that servers want.
    public let chainPEM: String
    /// The private key (PKCS#8).
    public let privateKeyPEM: Secret<String>

    /// The moment to issue the next: two thirds of its life are over.
    public var renewalDate: Date { certificate.renewalDate }
}

extension Certificate {
    /// Throws unless this is the certificate of an authority and `key` its key.
    func requireAuthority(with key: PrivateKey) throws(CryptoError) {
        guard isAuthority else {
            throw .invalidCertificate(
                detail: "the certificate of “\(subject)” is not one of an authority", remedy: "Give the authority's own"
            )
        }
        guard matches(key) else {
            throw .invalidCertificate(
                detail: "the private key does not belong to the certificate of “\(subject)”",
                remedy: "Give the pair that was made together")
        }
    }

    /// Throws unless `date` lies in the life of this certificate.
    func requireValidity(at date: Date) throws(CryptoError) {
        guard date >= notBefore, date <= notAfter else {
            throw .invalidCertificate(
                detail: "the authority “\(subject)” is valid from \(notBefore.rfc3339) to \(notAfter.rfc3339), "
                    + "not at \(date.rfc3339)", remedy: "Make a new one, or set the clock")
        }
    }
}
