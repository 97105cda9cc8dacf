public import LabCore
public import LabCrypto

/// The seam: an authority that issues servers' certificates.
public protocol Issuer: Sendable {
    /// Reads or makes what it needs to issue. Called before anything else, and again after a failure.
    func prepare() async throws

    /// A certificate with a new key, for one or more names.
    ///
    /// - Throws: ``CryptoError`` that says why not, such as for a name outside the authority's domain.
    func issue(for names: [Hostname]) async throws -> IssuedCertificate

    /// The certificate that clients are to trust, in PEM.
    var trustPEM: String { get async throws }
}

/// The issuers that there are. A `Certificate` names one of them.
struct Issuers: Sendable {
    let `internal`: any Issuer

    func issuer(_ name: CertificateSpec.IssuerName) -> any Issuer {
        switch name {
        case .internal: `internal`
        }
    }
}
