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

    /// A certificate that is to be issued in the place of a former one.
    struct Request: Sendable {
        let name: ResourceName
        let spec: CertificateSpec
        let former: Entry?
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
            return (
                name,
                ServedCertificate(
                    fingerprint: fingerprint, chainPEM: chain, keyPEM: key, isIssuedHere: true)
            )
        }
        return Dictionary(found) { first, _ in first }
    }

    /// Issues certificates and stores them together, but for those that another pass stored since `former` was read.
    ///
    /// - Returns: what is stored now, or why none was issued, for each request.
    func issue(_ requests: [Request]) async throws -> [ResourceName: Result<Entry, CryptoError>] {
        var outcomes: [ResourceName: Result<Entry, CryptoError>] = [:]
        var issued: [(request: Request, certificate: IssuedCertificate)] = []
        for (request, result) in try await make(requests) {
            switch result {
            case .success(let certificate): issued.append((request, certificate))
            case .failure(let error): outcomes[request.name] = .failure(error)
            }
        }
        let stored = try await postgres.pipeline(try issued.map { try insertion(of: $0.certificate, for: $0.request) })
        var passedBy: [ResourceName] = []
        for ((request, issued), rows) in zip(issued, stored) {
            guard !rows.isEmpty else {
                passedBy.append(request.name)
                continue
            }
            outcomes[request.name] = .success(
                Entry(
                    names: request.spec.names, fingerprint: Hex.encode(issued.certificate.fingerprint),
                    notAfter: issued.certificate.notAfter, renewAt: issued.renewalDate))
        }
        if !passedBy.isEmpty {
            let entries = try await entries(of: passedBy)
            for name in passedBy {
                guard let entry = entries[name] else {
                    throw Problem(
                        .unavailable, title: "The certificate was removed meanwhile", detail: "Certificate \(name)")
                }
                outcomes[name] = .success(entry)
            }
        }
        return outcomes
    }

    private func make(_ requests: [Request]) async throws -> [(Request, Result<IssuedCertificate, CryptoError>)] {
        try await withThrowingTaskGroup(of: (Request, Result<IssuedCertificate, CryptoError>).self) { group in
            for request in requests {
                group.addTask {
                    do {
                        let issuer = issuers.issuer(request.spec.issuer)
                        return (request, .success(try await issuer.issue(for: request.spec.names)))
                    } catch let error as CryptoError {
                        return (request, .failure(error))
                    }
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func insertion(of issued: IssuedCertificate, for request: Request) throws -> PostgresQuery {
        let fingerprint = Hex.encode(issued.certificate.fingerprint)
        let sealed = try keys.seal(issued.privateKeyPEM, context: context(request.name))
        let hosts = request.spec.names.map(\.text)
        return """
            insert into proxy.certificate as c
                (name, names, fingerprint, chain_pem, sealed_key, not_before, not_after, renew_at)
            values (\(request.name.text), \(hosts), \(fingerprint), \(issued.chainPEM), \(sealed),
                \(issued.certificate.notBefore), \(issued.certificate.notAfter), \(issued.renewalDate))
            on conflict (name) do update
                set names = excluded.names, fingerprint = excluded.fingerprint, chain_pem = excluded.chain_pem,
                    sealed_key = excluded.sealed_key, not_before = excluded.not_before,
                    not_after = excluded.not_after, renew_at = excluded.renew_at
                where c.fingerprint = \(request.former?.fingerprint ?? "")
            returning 1
            """
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
