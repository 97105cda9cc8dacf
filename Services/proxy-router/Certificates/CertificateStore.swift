import FoundationEssentials
import LabCore
import LabCrypto
import LabPostgres

/// The issued certificates, with sealed keys, in the table `proxy.certificate`.
///
/// A Route's pass issues what it needs at once, and the Certificate's own pass renews it later: both come here, and of
/// two that do so at the same moment one certificate stays.
struct CertificateStore: Sendable {
    /// What is known of a stored certificate without opening its key.
    struct Entry: Sendable, Hashable {
        let names: [Hostname]
        let fingerprint: String
        let notAfter: Date
        let renewAt: Date

        func suits(_ spec: CertificateSpec, at now: Date) -> Bool { names == spec.names && renewAt > now }
    }

    let postgres: PostgresClient
    let keys: SealingKeyRing
    let issuers: Issuers
    let clock: any WallClock

    /// The entries of some names; those that have none are missing.
    func entries(of names: [ResourceName]) async throws -> [ResourceName: Entry] {
        let texts = names.map(\.text)
        let rows = try await postgres.query(
            """
            select name, names, fingerprint, not_after, renew_at from proxy.certificate
            where name = any(\(texts)::text[])
            """)
        let entries = try rows.map { row in
            let (name, hosts, fingerprint, notAfter, renewAt) = try row.decode(
                (String, [String], String, Date, Date).self)
            let entry = Entry(
                names: try hosts.map { text throws(InvalidText) in try Hostname(text) }, fingerprint: fingerprint,
                notAfter: notAfter, renewAt: renewAt)
            return (try ResourceName(name), entry)
        }
        return Dictionary(entries) { first, _ in first }
    }

    /// Certificates with their opened keys, to be served.
    func served(_ names: [ResourceName]) async throws -> [ResourceName: ServedCertificate] {
        let texts = names.map(\.text)
        let rows = try await postgres.query(
            """
            select name, fingerprint, chain_pem, sealed_key from proxy.certificate
            where name = any(\(texts)::text[])
            """)
        let found = try rows.map { row in
            let (text, fingerprint, chain, sealed) = try row.decode((String, String, String, [UInt8]).self)
            let name = try ResourceName(text)
            let key = try keys.openText(sealed, context: context(name))
            return (name, ServedCertificate(fingerprint: fingerprint, chainPEM: chain, keyPEM: key))
        }
        return Dictionary(found) { first, _ in first }
    }

    /// Issues a certificate and stores it, unless another pass stored one since `former` was read.
    ///
    /// - Returns: what is stored now.
    func issue(_ name: ResourceName, _ spec: CertificateSpec, replacing former: Entry?) async throws -> Entry {
        let issued = try await issuers.issuer(spec.issuer).issue(for: spec.names)
        let fingerprint = Hex.encode(issued.certificate.fingerprint)
        let sealed = try keys.seal(issued.privateKeyPEM, context: context(name))
        let hosts = spec.names.map(\.text)
        let rows = try await postgres.query(
            """
            insert into proxy.certificate as c
                (name, names, fingerprint, chain_pem, sealed_key, not_before, not_after, renew_at)
            values (\(name.text), \(hosts), \(fingerprint), \(issued.chainPEM), \(sealed),
                \(issued.certificate.notBefore), \(issued.certificate.notAfter), \(issued.renewalDate))
            on conflict (name) do update
                set names = excluded.names, fingerprint = excluded.fingerprint, chain_pem = excluded.chain_pem,
                    sealed_key = excluded.sealed_key, not_before = excluded.not_before,
                    not_after = excluded.not_after, renew_at = excluded.renew_at
                where c.fingerprint = \(former?.fingerprint ?? "")
            returning 1
            """)
        guard rows.isEmpty else {
            return Entry(
                names: spec.names, fingerprint: fingerprint, notAfter: issued.certificate.notAfter,
                renewAt: issued.renewalDate)
        }
        guard let entry = try await entries(of: [name])[name] else {
            throw Problem(
                .unavailable, title: "The certificate was removed meanwhile", detail: "Certificate \(name)")
        }
        return entry
    }

    func remove(_ names: [ResourceName]) async throws {
        let texts = names.map(\.text)
        try await postgres.query("delete from proxy.certificate where name = any(\(texts)::text[])")
    }

    /// Forgets what nothing declares: a pass over a route that was removed meanwhile may have issued for it once more.
    func removeUndeclared() async throws {
        try await postgres.query(
            """
            delete from proxy.certificate c where not exists (
                select from lab.resource r where r.kind = \(ServerCertificate.name) and r.name = c.name)
            """)
    }

    private func context(_ name: ResourceName) -> String { "proxy/certificate/\(name)" }
}
