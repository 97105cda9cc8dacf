import COpenSSL
public import FoundationEssentials
public import LabCore

/// The lab's own root: what every device is told to trust, once, for ten years.
///
/// It signs intermediates only (path length 1). Keep its key apart from the machine that issues certificates: whoever
/// has it can speak for every name that the root permits.
public struct RootAuthority: Sendable {
    private static let lifetime: TimeInterval = 10 * 365.25 * 86400
    private static let intermediateLifetime: TimeInterval = 365 * 86400

    public let certificate: Certificate
    public let privateKey: PrivateKey
    /// The domain that the root may sign for, with all names below it; nil where it is not constrained.
    public let permittedDomain: Hostname?

    /// Makes a new root.
    ///
    /// - Parameters:
    ///   - domain: the lab's domain, part of the root's name.
    ///   - constrainsNames: whether the root may sign for DNS names in `domain` only (a critical name constraint), so
    ///     that a stolen key cannot speak for the rest of the Internet. IP addresses are not constrained.
    public init(domain: Hostname, constrainsNames: Bool = true, at date: Date) throws(CryptoError) {
        privateKey = try PrivateKey()
        permittedDomain = constrainsNames ? domain : nil
        let builder = try CertificateBuilder(
            commonName: Self.name("Homelab Root CA", domain), key: privateKey, signer: .itself(privateKey), at: date,
            lifetime: Self.lifetime)
        try builder.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:1")
        try builder.add(NID_key_usage, "critical,keyCertSign,cRLSign")
        if constrainsNames { try builder.permit(domain) }
        certificate = try builder.sign()
    }

    /// A root that was stored.
    ///
    /// - Throws: ``CryptoError``: `invalidCertificate` or `invalidKey`, also where the two do not belong together.
    public init(certificatePEM: String, keyPEM: Secret<String>) throws(CryptoError) {
        certificate = try Certificate(pem: certificatePEM)
        privateKey = try PrivateKey(pem: keyPEM)
        permittedDomain = NameConstraints.permittedDomain(of: certificate.handle.pointer)
        try certificate.requireAuthority(with: privateKey)
    }

    /// A new intermediate, valid for a year; make the next when its ``CertificateAuthority/renewalDate`` has come. What
    /// earlier ones have issued stays valid.
    public func makeIntermediate(at date: Date) throws(CryptoError) -> CertificateAuthority {
        try certificate.requireValidity(at: date)
        let key = try PrivateKey()
        let builder = try CertificateBuilder(
            commonName: Self.name("Homelab Issuing CA", permittedDomain), key: key,
            signer: .authority(certificate, privateKey), at: date, lifetime: Self.intermediateLifetime)
        try builder.add(NID_basic_constraints, "critical,CA:TRUE,pathlen:0")
        try builder.add(NID_key_usage, "critical,keyCertSign,cRLSign")
        // Not every client heeds the constraints of a root; all heed those of an intermediate.
        if let permittedDomain { try builder.permit(permittedDomain) }
        return try CertificateAuthority(certificate: try builder.sign(), privateKey: key)
    }

    /// A common name has at most 64 characters (RFC 5280, appendix A.1).
    private static func name(_ title: String, _ domain: Hostname?) -> String {
        guard let domain else { return title }
        let whole = "\(title) – \(domain.text)"
        return whole.unicodeScalars.count <= 64 ? whole : title
    }
}
