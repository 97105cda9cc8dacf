import LabCore
import LabHTTPClient
import LabPostgres
import LabState
import LabTesting
import Testing

@testable import DNSManager

/// The service as a whole: declared through the API, answered by Unbound.
@Suite("dns-manager")
struct DNSManagerServiceTests {
    @Test("a declared record becomes resolvable, changes, and is gone once the resolver no longer answers it")
    func lifeCycle() async throws {
        try await DNSHost.with { host in
            #expect(try await host.put("notes.home.arpa", "A", ["192.168.1.5"]).status == 200)
            #expect(try await host.waits(for: "notes.home.arpa:a", "true AnswerMatches"))
            #expect(try await host.unbound.ask("notes.home.arpa", .a) == "A 192.168.1.5")
            let message = try #require(try await host.condition("notes.home.arpa:a", "Resolvable")).message
            #expect(message.contains("Asked for notes.home.arpa A: A 192.168.1.5 (TTL 300 s) in "))

            try await host.put("notes.home.arpa", "A", ["192.168.1.6"], ttl: 600)
            #expect(try await host.waits(for: "notes.home.arpa:a", "true AnswerMatches"))
            #expect(try await host.unbound.ask("notes.home.arpa", .a) == "A 192.168.1.6")
            let later = try #require(try await host.condition("notes.home.arpa:a", "Resolvable")).message
            #expect(later.contains("Clients may keep the earlier answer (A 192.168.1.5 (TTL 300 s)) until "))

            #expect(try await host.send(.delete, "/v1/records/notes.home.arpa:a").status == 202)
            #expect(try await eventually { try await host.send(.get, "/v1/records/notes.home.arpa:a").status == 404 })
            #expect(try await host.unbound.ask("notes.home.arpa", .a) == "NXDOMAIN")
            let events = try await EventLog(postgres: host.postgres).latest(limit: 100).map(\.type)
            #expect(events.filter { $0 == "record.changed" }.count == 2)
            #expect(events.filter { $0 == "record.removed" }.count == 1)
        }
    }

    @Test("what cannot stand is refused at its declaration, with the field, the status and the remedy")
    func admission() async throws {
        try await DNSHost.with { host in
            func refusal(
                _ name: String, _ type: String, _ values: [String], as resource: String? = nil
            ) async throws -> String {
                let answer = try await host.put(name, type, values, as: resource)
                let pointer = answer.document["errors"]?.arrayValue?.first?["pointer"]?.stringValue ?? "-"
                return "\(answer.status) \(pointer)"
            }
            #expect(try await refusal("nas.home.arpa", "A", ["192.168.1.5"]) == "200 -")
            #expect(try await refusal("nas.home.arpa", "CNAME", ["tv.home.arpa"]) == "409 /body/type")
            #expect(try await refusal("files.home.arpa", "CNAME", ["nas.home.arpa"]) == "200 -")
            #expect(try await refusal("files.home.arpa", "TXT", ["x"]) == "409 /body/name")
            #expect(try await refusal("one.home.arpa", "CNAME", ["two.home.arpa"]) == "200 -")
            #expect(try await refusal("two.home.arpa", "CNAME", ["one.home.arpa"]) == "409 /body/values/0")
            #expect(try await refusal("www.example.org", "A", ["192.168.1.5"]) == "400 /body/name")
            #expect(try await refusal("tv.home.arpa", "A", ["192.168.1.5"], as: "television") == "400 /body/name")
            #expect(try await refusal("tv.home.arpa", "A", ["fd00::1"]) == "400 /body/values/0")
            #expect(try await refusal("apps.home.arpa", "A", ["192.168.1.5"]) == "200 -")
            #expect(try await refusal("*.apps.home.arpa", "A", ["192.168.1.9"]) == "422 /body/name")
            #expect(try await refusal("*.apps.home.arpa", "A", ["192.168.1.5"]) == "200 -")
            #expect(try await refusal("apps.home.arpa", "TXT", ["x"]) == "422 /body/name")
            let reverse = try await host.send(
                .put, "/v1/records/5.1.168.192.in-addr.arpa:ptr",
                body: #"{"type":"PTR","address":"192.168.1.5","values":["nas.home.arpa"]}"#)
            #expect(reverse.status == 200)
            #expect(try await host.waits(for: "5.1.168.192.in-addr.arpa:ptr", "true AnswerMatches"))
        }
    }

    @Test("an alias follows its target, and says so when the target has no address")
    func alias() async throws {
        try await DNSHost.with { host in
            try await host.put("files.home.arpa", "CNAME", ["nas.home.arpa"])
            #expect(try await host.waits(for: "files.home.arpa:cname", "false TargetMissing"))
            try await host.put("nas.home.arpa", "A", ["192.168.1.5"])
            #expect(try await host.waits(for: "files.home.arpa:cname", "true AnswerMatches"))
            #expect(try await host.unbound.ask("files.home.arpa", .a) == "A 192.168.1.5")
            try await host.put("nas.home.arpa", "A", ["192.168.1.6"])
            #expect(try await eventually { try await host.unbound.ask("files.home.arpa", .a) == "A 192.168.1.6" })
            try await host.put("outside.home.arpa", "CNAME", ["example.org"])
            #expect(try await host.waits(for: "outside.home.arpa:cname", "true AnswerMatches"))
            let programmed = try #require(try await host.condition("outside.home.arpa:cname", "Programmed"))
            #expect(programmed.message.contains("bare CNAME"))
        }
    }

    @Test("two records that slipped past each other do not both count: the younger waits until the older is gone")
    func conflict() async throws {
        try await DNSHost.with { host in
            // Declared as another service does, which is not admitted.
            let older = try RecordSpec(name: RecordName("nas.home.arpa"), type: .a, values: ["192.168.1.5"])
            let younger = try RecordSpec(name: RecordName("nas.home.arpa"), type: .cname, values: ["example.org"])
            func key(_ spec: RecordSpec) throws -> ResourceKey {
                ResourceKey(kind: "Record", name: try spec.set.resourceName)
            }
            try await host.store.declare(Declaration(try key(older), spec: older))
            try await host.store.declare(Declaration(try key(younger), spec: younger))
            #expect(try await host.waits(for: "nas.home.arpa:cname", "false ConflictsWithRecord", of: "Programmed"))
            #expect(try await host.waits(for: "nas.home.arpa:a", "true AnswerMatches"))
            try await host.store.remove([try key(older)])
            #expect(try await host.waits(for: "nas.home.arpa:cname", "true AnswerMatches"))
            #expect(try await host.unbound.ask("nas.home.arpa", .cname) == "CNAME example.org")
        }
    }

    @Test("a resolver that went away is reported, and everything declared meanwhile is true once it is back")
    func away() async throws {
        try await DNSHost.with { host in
            try await host.put("nas.home.arpa", "A", ["192.168.1.5"])
            #expect(try await host.waits(for: "nas.home.arpa:a", "true AnswerMatches"))
            try await host.unbound.goAway()
            #expect(try await host.waits(for: "nas.home.arpa:a", "unknown ResolverUnavailable"))
            try await host.put("tv.home.arpa", "A", ["192.168.1.7"])
            #expect(try await host.waits(for: "tv.home.arpa:a", "unknown ResolverUnavailable"))
            try await host.unbound.comeBack()
            #expect(try await host.waits(for: "tv.home.arpa:a", "true AnswerMatches"))
            #expect(try await host.waits(for: "nas.home.arpa:a", "true AnswerMatches"))
            #expect(try await host.unbound.ask("nas.home.arpa", .a) == "A 192.168.1.5")
        }
    }

    @Test("what was changed by hand is made right by the next comparison, and what others hold is listed")
    func drift() async throws {
        try await DNSHost.with { host in
            try await host.put("nas.home.arpa", "A", ["192.168.1.5"])
            #expect(try await host.waits(for: "nas.home.arpa:a", "true AnswerMatches"))
            try await host.unbound.control("local_data_remove nas.home.arpa")
            try await host.unbound.control("local_data stranger.home.arpa 300 IN A 10.7.7.7")
            #expect(try await eventually { try await host.unbound.ask("nas.home.arpa", .a) == "A 192.168.1.5" })
            let unmanaged = try await host.send(.get, "/v1/dns/unmanaged").document
            #expect(unmanaged["items"] == ["stranger.home.arpa. 300 IN A 10.7.7.7"])
            let lookup = try await host.send(.get, "/v1/dns/lookup?name=nas.home.arpa").document
            #expect(lookup["code"] == "NOERROR")
            #expect(lookup["records"]?.arrayValue?.first?["values"] == ["192.168.1.5"])
            let zones = try await host.send(.get, "/v1/dns/zones").document
            #expect(zones["items"]?.arrayValue?.first?["records"] == 1)
        }
    }

    @Test("2,000 records that are declared at once all become resolvable")
    func many() async throws {
        try await DNSHost.with { host in
            try await host.declare(count: 2000)
            #expect(try await eventually { try await host.resolvable() == 2000 })
            #expect(try await host.unbound.ask("host1999.home.arpa", .a) == "A 10.1.7.249")
        }
    }
}

extension DNSHost {
    func declare(count: Int) async throws {
        var declarations: [Declaration] = []
        for number in 0..<count {
            let spec = try RecordSpec(
                name: RecordName("host\(number).home.arpa"), type: .a,
                values: ["10.\(1 + number / 62500).\(number / 250 % 250).\(number % 250)"])
            declarations.append(
                try Declaration(ResourceKey(kind: "Record", name: spec.set.resourceName), spec: spec))
        }
        try await store.declare(declarations)
    }

    /// How many records are resolvable.
    func resolvable() async throws -> Int {
        let rows = try await postgres.query(
            "select count(*) from lab.condition where type = 'Resolvable' and status = 'true'")
        return Int(try rows.first?.value(at: 0, as: Int64.self) ?? 0)
    }
}
