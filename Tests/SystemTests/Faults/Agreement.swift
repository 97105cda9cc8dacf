import Foundation
import LabCore
import LabPostgres
import LabServers
import Testing

/// Compares what is declared with everything that is real: rows, the resolver, the proxy, the pages.
struct Agreement: Sendable {
    let lab: LabUnderTest
    let postgres: PostgresClient
    let domain: String
    let docs: String
    /// The apps that there should be, and no others.
    let apps: Set<String>

    /// Each difference as a sentence; none when all agree.
    func differences() async throws -> [String] {
        var differences: [String] = []
        func compare(_ what: String, _ found: Set<String>, _ wanted: Set<String>) {
            let missing = wanted.subtracting(found).sorted()
            let stray = found.subtracting(wanted).sorted()
            if !missing.isEmpty { differences.append("\(what): \(missing) missing") }
            if !stray.isEmpty { differences.append("\(what): \(stray) too many") }
        }
        let hosts = Set(apps.map { "\($0).\(domain)" })
        for kind in ["App", "Route", "Certificate"] { compare("rows of \(kind)", try await rows(of: kind), apps) }
        compare("rows of Record", try await rows(of: "Record"), Set(hosts.map { $0 + ":a" }))
        compare("issued certificates", try await issuedCertificates(), apps)
        compare("apps that are true in every condition", try await trueApps(), apps)
        compare("names in Unbound", try await resolvedNames(), hosts)
        for (what, found) in try proxiedHosts() { compare("\(what) in nginx", found, hosts) }
        compare("pages", try pages(), apps)
        return differences
    }

    /// What the lab says itself about what is not true, for whoever has to find out why.
    func explanations() async throws -> [String] {
        let conditions = try await names(
            """
            select concat_ws(' ', kind, name, type, status, reason, message) from lab.condition where status <> 'true'
            order by observed_at desc limit 20
            """)
        let work = try await names(
            """
            select concat_ws(' ', kind, name, 'due', due_at, 'failures', failures, 'claimed until', claimed_until)
            from lab.work order by due_at limit 20
            """)
        let leases = try await names("select concat_ws(' ', 'lease', name, holder, expires_at, now()) from lab.lease")
        let log = (try? String(contentsOfFile: lab.directory + "/lab.log", encoding: .utf8)) ?? ""
        return conditions.sorted() + work.sorted() + leases.sorted()
            + log.split(separator: "\n").suffix(30).map(String.init)
    }

    private func rows(of kind: String) async throws -> Set<String> {
        try await names("select name from lab.resource where kind = \(kind)")
    }

    private func issuedCertificates() async throws -> Set<String> {
        try await names("select name from proxy.certificate")
    }

    private func trueApps() async throws -> Set<String> {
        try await names(
            """
            select r.name from lab.resource r join lab.condition c using (kind, name)
            where r.kind = 'App' and r.deleted_at is null and c.status = 'true' and c.observed_generation = r.generation
                and c.type in ('Running', 'Routed', 'Resolvable', 'Online', 'Documented')
            group by r.name having count(*) = 5
            """)
    }

    private func names(_ query: PostgresQuery) async throws -> Set<String> {
        Set(try await postgres.query(query).map { try $0.value(at: 0, as: String.self) })
    }

    /// The names with data in the resolver, asked over its control channel. Its zone has records of its own (SOA, NS).
    private func resolvedNames() async throws -> Set<String> {
        let listing = try await Program.run(
            "unbound-control", ["-c", lab.directory + "/unbound/unbound.conf", "list_local_data"], outputLimit: 8 << 20)
        try #require(listing.status.isSuccess, "\(listing.standardError)")
        var names: Set<String> = []
        for line in listing.standardOutput.split(separator: "\n") {
            let fields = line.split(whereSeparator: \.isWhitespace)
            guard fields.count > 4, !["SOA", "NS"].contains(fields[3]), fields[0].hasSuffix(".\(domain).") else {
                continue
            }
            names.insert(String(fields[0].dropLast()))
        }
        return names
    }

    /// The hosts in each of the places of nginx's configuration that name one, a line each.
    private func proxiedHosts() throws -> [(String, Set<String>)] {
        let text = try String(contentsOfFile: lab.directory + "/nginx/current/http.conf", encoding: .utf8)
        var (names, certificates, upstreams): (Set<String>, Set<String>, Set<String>) = ([], [], [])
        for line in text.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard let host = fields.first.map(String.init), host.hasSuffix(".\(domain)") else { continue }
            switch fields.count {
            case 1: names.insert(host)
            case 2 where fields[1].hasPrefix("http"): upstreams.insert(host)
            default: certificates.insert(host)
            }
        }
        return [("names", names), ("certificates", certificates), ("upstreams", upstreams)]
    }

    private func pages() throws -> Set<String> {
        let files = try FileManager.default.contentsOfDirectory(atPath: docs + "/services")
        return Set(files.map { $0.hasSuffix(".md") ? String($0.dropLast(3)) : $0 })
    }
}
