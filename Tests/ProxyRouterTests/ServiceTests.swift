import FoundationEssentials
import LabCore
import LabCrypto
import LabHTTPClient
import LabPostgres
import LabService
import LabState
import LabTesting
import Testing

@testable import ProxyRouter

@Suite("Routes become real", .serialized)
struct ServiceTests {
    @Test("a declared route has a record, a certificate and an answer; its removal takes all of them away")
    func life() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream("notes")
            defer { upstream.stop() }
            let host = try Hostname("notes.home.arpa")
            try await lab.put("notes", RouteSpec(host: host, upstream: UpstreamURL(upstream.url)))
            #expect(try await lab.waitUntilOnline("notes"))
            #expect(try await lab.condition("Routed", of: "notes")?.reason == "Configured")
            #expect(
                try await lab.condition("Online", of: "notes")?.message.contains("answered 200, certificate") == true)
            let numbers = try #require(try await lab.condition("Online", of: "notes")?.observation)
            #expect(numbers["status"] == 200)
            #expect(numbers["milliseconds"] != nil)
            let expiry = try #require(numbers["certificateExpires"]?.stringValue.flatMap { Date(rfc3339: $0) })
            #expect(expiry > Date())
            #expect(
                try await eventually { try await lab.condition("Resolvable", of: "notes")?.reason == "AnswerMatches" })
            #expect(
                try await eventually {
                    try await lab.condition("Issued", of: "notes", kind: "Certificate")?.status == .true
                })
            let record = try #require(
                try await lab.store.resource(ResourceKey(kind: "Record", name: ResourceName("notes.home.arpa:a"))))
            #expect(record.owner == (try ServiceFixture.key("notes")))
            #expect(try await lab.events("route.online") == 1)

            try await lab.store.remove([ServiceFixture.key("notes")])
            #expect(try await eventually { try await lab.store.resource(ServiceFixture.key("notes")) == nil })
            #expect(try await lab.store.resources(kind: "Record").isEmpty)
            #expect(try await lab.store.resources(kind: "Certificate").isEmpty)
            let left = try await lab.postgres.query("select count(*) from proxy.certificate")
            #expect(try left.first?.value(at: 0, as: Int64.self) == 0)
        }
    }

    @Test("an upstream that goes away and comes back is seen, and told once each")
    func transitions() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream()
            let host = try Hostname("notes.home.arpa")
            try await lab.put("notes", RouteSpec(host: host, upstream: UpstreamURL(upstream.url)))
            #expect(try await lab.waitUntilOnline("notes"))
            upstream.stop()
            try await lab.store.wake([ServiceFixture.key("notes")])
            #expect(
                try await eventually { try await lab.condition("Online", of: "notes")?.reason == "UpstreamUnavailable" }
            )
            #expect(try await lab.condition("Routed", of: "notes")?.status == .true)
            let other = try FakeUpstream()
            defer { other.stop() }
            try await lab.put(
                "notes", RouteSpec(host: host, upstream: UpstreamURL(other.url), healthPath: ProbePath("/status/401")))
            #expect(try await lab.waitUntilOnline("notes"))
            #expect(try await lab.condition("Online", of: "notes")?.message.contains("answered 401") == true)
            #expect(try await lab.events("route.online") == 2)
            #expect(try await lab.events("route.offline") == 1)
        }
    }

    @Test("a route that is woken again and again is still looked at")
    func wokenOften() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream()
            try await lab.put(
                "notes", RouteSpec(host: Hostname("notes.home.arpa"), upstream: UpstreamURL(upstream.url)))
            #expect(try await lab.waitUntilOnline("notes"))
            upstream.stop()
            let isSeen = try await eventually {
                // More often than a look may be spared.
                try await lab.store.wake([ServiceFixture.key("notes")])
                return try await lab.condition("Online", of: "notes")?.reason == "UpstreamUnavailable"
            }
            #expect(isSeen)
        }
    }

    @Test("a changed host has a new certificate and record, and the former ones go")
    func changedHost() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            let url = try UpstreamURL(upstream.url)
            try await lab.put("notes", RouteSpec(host: Hostname("old.home.arpa"), upstream: url))
            #expect(try await lab.waitUntilOnline("notes"))
            try await lab.put("notes", RouteSpec(host: Hostname("new.home.arpa"), upstream: url))
            #expect(
                try await eventually {
                    try await lab.condition("Online", of: "notes")?.message.contains("https://new.home.arpa") == true
                })
            #expect(
                try await eventually {
                    try await lab.store.resources(kind: "Record").map(\.name.text) == ["new.home.arpa:a"]
                })
            let rows = try await lab.postgres.query("select names[1] from proxy.certificate")
            #expect(try rows.map { try $0.value(at: 0, as: String.self) } == ["new.home.arpa"])
        }
    }

    @Test("a certificate is renewed at two thirds of its life, and the proxy serves the new one")
    func renewal() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            try await lab.put(
                "notes", RouteSpec(host: Hostname("notes.home.arpa"), upstream: UpstreamURL(upstream.url)))
            #expect(try await lab.waitUntilOnline("notes"))
            @Sendable func fingerprint() async throws -> String? {
                try await lab.postgres.query("select fingerprint from proxy.certificate").first?.value(at: 0)
            }
            let first = try await fingerprint()
            try await lab.postgres.query("update proxy.certificate set renew_at = now() - interval '1 hour'")
            try await lab.store.wake([ResourceKey(kind: "Certificate", name: ResourceName("notes"))])
            #expect(try await eventually { try await fingerprint() != first })
            let second = try #require(try await fingerprint())
            let folder = try #require(lab.settings.nginx).certificatesFolder
            #expect(try await eventually { Disk.names(in: folder).contains("\(second).pem") })
            let key = try await lab.postgres.query("select sealed_key from proxy.certificate").first?.value(
                at: 0, as: [UInt8].self)
            #expect(key.map { !String(decoding: $0, as: UTF8.self).contains("PRIVATE KEY") } == true)
        }
    }

    @Test("of two routes with one host the older has it, and the younger gets it when the older goes")
    func takenHost() async throws {
        try await ServiceFixture.with { lab in
            let first = try FakeUpstream("first")
            defer { first.stop() }
            let spec = try RouteSpec(host: Hostname("notes.home.arpa"), upstream: UpstreamURL(first.url))
            try await lab.put("older", spec)
            #expect(try await lab.waitUntilOnline("older"))
            try await lab.put("younger", spec)
            #expect(try await eventually { try await lab.condition("Routed", of: "younger")?.reason == "HostTaken" })
            #expect(try await lab.condition("Online", of: "older")?.status == .true)
            try await lab.store.remove([ServiceFixture.key("older")])
            #expect(try await lab.waitUntilOnline("younger"))
        }
    }

    @Test("a record that a person has declared stays, and the route says so and goes on")
    func takenRecord() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            let host = try Hostname("notes.home.arpa")
            let theirs = ResourceKey(kind: "Record", name: try ResourceName("notes.home.arpa:a"))
            try await lab.store.declare(
                Declaration(
                    theirs,
                    spec: RouteNeeds.RecordDeclaration(name: host, type: "A", values: ["127.0.0.1"], ttl: 300)))
            try await lab.put("notes", RouteSpec(host: host, upstream: UpstreamURL(upstream.url)))
            #expect(try await lab.waitUntilOnline("notes"))
            #expect(try await lab.condition("Resolvable", of: "notes")?.reason == "RecordTaken")
            #expect(try await lab.store.resource(theirs)?.owner == nil)
            #expect(
                try await eventually {
                    try await lab.condition("Issued", of: "notes", kind: "Certificate")?.status == .true
                })
        }
    }

    @Test("admission refuses a taken host with 409, and what lies outside the lab with 400")
    func admission() async throws {
        try await ServiceFixture.with { lab in
            let spec = try RouteSpec(host: Hostname("notes.home.arpa"), upstream: UpstreamURL("http://127.0.0.1:9"))
            let put = PutResource<Route>()
            _ = try await put.run(Self.input("notes", spec), lab.call)
            _ = try await put.run(Self.input("notes", spec), lab.call)
            let taken = await #expect(throws: Problem.self) { try await put.run(Self.input("other", spec), lab.call) }
            #expect(taken?.status == 409)
            #expect(taken?.fields.first?.pointer == "/body/host")
            #expect(taken?.fields.first?.remedy.contains("notes") == true)
            let outside = try RouteSpec(host: Hostname("www.example.com"), upstream: UpstreamURL("http://127.0.0.1:9"))
            let refused = await #expect(throws: Problem.self) {
                try await put.run(Self.input("www", outside), lab.call)
            }
            #expect(refused?.status == 400)
            let owner = try RouteSpec(
                host: Hostname("own.home.arpa"), upstream: UpstreamURL("http://127.0.0.1:9"), access: .owner)
            let unsupported = await #expect(throws: Problem.self) {
                try await put.run(Self.input("own", owner), lab.call)
            }
            #expect(unsupported?.fields.first?.pointer == "/body/access")
        }
    }

    @Test("a killed nginx is offline, and online again when it is back")
    func killedProxy() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            try await lab.put(
                "notes", RouteSpec(host: Hostname("notes.home.arpa"), upstream: UpstreamURL(upstream.url)))
            #expect(try await lab.waitUntilOnline("notes"))
            try await lab.nginx.goAway()
            try await lab.store.wake([ServiceFixture.key("notes")])
            #expect(
                try await eventually { try await lab.condition("Online", of: "notes")?.reason == "ProxyUnavailable" })
            #expect(try await lab.condition("Routed", of: "notes")?.reason == "ProxyUnavailable")
            try await lab.nginx.comeBack()
            #expect(try await lab.waitUntilOnline("notes"))
        }
    }

    @Test("the time from a declaration to the observed answer")
    func latency() async throws {
        try await ServiceFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            var times: [Duration] = []
            for number in 0..<15 {
                let spec = try RouteSpec(
                    host: Hostname("n\(number).home.arpa"), upstream: UpstreamURL(upstream.url))
                let start = ContinuousClock.now
                try await lab.put("n\(number)", spec)
                while try await lab.condition("Online", of: "n\(number)")?.status != .true {
                    try await Task.sleep(for: .milliseconds(1))
                    if start.duration(to: .now) > .seconds(30) { break }
                }
                times.append(start.duration(to: .now))
            }
            times.sort()
            print("declaration to Online: p50 \(times[7]), best \(times[0]), worst \(times[14])")
            #expect(times[7] < .seconds(3))
        }
    }

    private static func input(_ name: String, _ spec: RouteSpec) throws -> PutResource<Route>.Input {
        let body = try JSONText(encoding: spec).text
        return try JSONText(trusted: #"{"name": "\#(name)", "body": \#(body)}"#).decode()
    }
}

@Suite("The lab's authority", .serialized)
struct AuthorityTests {
    @Test("replicas that start together make one root and one intermediate, and the root is exported")
    func oneRoot() async throws {
        try await withPrivatePostgres { server in
            let postgres = PostgresClient(
                try PostgresConfiguration(connectionString: server.connectionString), logger: quiet)
            try await postgres.migrate(LabMigrations.all + ProxyRouterService.migrations)
            try await withTemporaryDirectory { directory in
                let keys = try SealingKeyFile(path: "\(directory)/sealing.key").loadOrCreate()
                let clock = ManualClock(Date())
                let domain = try Hostname("home.arpa")
                let replicas = (0..<6).map { _ in
                    InternalAuthority(
                        postgres: postgres, keys: keys, domain: domain, constrainsNames: true,
                        exportPath: "\(directory)/ca.pem", clock: clock)
                }
                let roots = try await withThrowingTaskGroup(of: String.self) { group in
                    for replica in replicas { group.addTask { try await replica.trustPEM } }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(roots.count == 1)
                #expect(Disk.read("\(directory)/ca.pem") == roots.first)
                let counts = try await postgres.query(
                    """
                    select (select count(*) from proxy.root_authority), (select count(*) from proxy.intermediate_authority)
                    """)
                #expect(try counts.first?.value(at: 0, as: Int64.self) == 1)
                #expect(try counts.first?.value(at: 1, as: Int64.self) == 1)

                let outside = await #expect(throws: CryptoError.self) {
                    try await replicas[0].issue(for: [Hostname("www.example.com")])
                }
                #expect(outside?.description.contains("home.arpa") == true)

                // A year later there is a new intermediate of the same root.
                clock.advance(by: .seconds(300 * 86400))
                let later = try await replicas[0].issue(for: [Hostname("a.home.arpa")])
                #expect(try await replicas[0].trustPEM == roots.first)
                #expect(later.certificate.notAfter > clock.now.addingTimeInterval(89 * 86400))
                let intermediates = try await postgres.query("select count(*) from proxy.intermediate_authority")
                #expect(try intermediates.first?.value(at: 0, as: Int64.self) == 2)
            }
            await postgres.shutdown()
        }
    }
}
