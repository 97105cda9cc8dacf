import FoundationEssentials
import Glibc
import LabCore
import LabHTTPClient
import LabServers
import LabTesting
import Synchronization
import Testing

@testable import ProxyRouter

@Suite("nginx changes without harm", .serialized)
struct NginxChangeTests {
    @Test("equal states change nothing, and a removed route is gone at once")
    func idempotence() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            let both = ProxyState([
                try lab.route("a.home.arpa", upstream.url), try lab.route("b.home.arpa", upstream.url),
            ])
            let first = try await lab.proxy.apply(both)
            let workers = try NginxMaster(pidFile: lab.settings.pidFile).workers
            let second = try await lab.proxy.apply(both)
            #expect(!second.isChanged)
            #expect(second.revision == first.revision)
            #expect(try NginxMaster(pidFile: lab.settings.pidFile).workers == workers)
            #expect(try await lab.proxy.isServing(both))

            // Another process knows nothing of the first, and still has nothing to change.
            let successor = NginxProxy(lab.settings, client: lab.client, logger: quiet)
            #expect(try await !successor.apply(both).isChanged)

            let one = both.without([try Hostname("b.home.arpa")])
            #expect(try await lab.proxy.apply(one).isChanged)
            #expect(try await !lab.proxy.isServing(both))
            await #expect(throws: HTTPClientError.self) { try await lab.get("b.home.arpa") }
            #expect(try await lab.get("a.home.arpa").status == 200)
        }
    }

    @Test("keys and configuration can be read by their owner alone, and old ones are removed")
    func files() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            for number in 1...5 {
                _ = try await lab.proxy.apply(ProxyState([try lab.route("a\(number).home.arpa", upstream.url)]))
            }
            let certificates = Disk.names(in: lab.settings.certificatesFolder)
            #expect(certificates.count == 4)
            #expect(Disk.names(in: lab.settings.revisionsFolder).count == 2)
            for name in certificates {
                let attributes = try FileManager.default.attributesOfItem(
                    atPath: "\(lab.settings.certificatesFolder)/\(name)")
                #expect(attributes[.posixPermissions] as? Int == 0o600)
            }
        }
    }

    @Test("a route that nginx refuses is left out and named; the others go live, and it does once it is mended")
    func blame() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            let good = try lab.route("good.home.arpa", upstream.url)
            let bad = try lab.route("bad.home.arpa", upstream.url)
            let strange = try lab.lab.newCertificate("strange.home.arpa")
            // The key of another certificate.
            let broken = ProxyRoute(
                host: bad.host, upstream: bad.upstream,
                certificate: ServedCertificate(
                    fingerprint: "00ff", chainPEM: bad.certificate.chainPEM, keyPEM: strange.keyPEM))
            let report = try await lab.proxy.apply(ProxyState([good, broken]))
            #expect(Set(report.refused.keys) == [bad.host])
            #expect(report.refused[bad.host]?.contains("00ff") == true)
            #expect(try await lab.get("good.home.arpa").status == 200)
            await #expect(throws: HTTPClientError.self) { try await lab.get("bad.home.arpa") }
            #expect(try await !lab.proxy.apply(ProxyState([good, broken])).isChanged)

            let mended = try await lab.proxy.apply(ProxyState([good, bad]))
            #expect(mended.refused.isEmpty)
            #expect(try await lab.get("bad.home.arpa").status == 200)
        }
    }

    @Test("a configuration that nginx refuses as a whole leaves the former one in place")
    func refusal() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            let state = ProxyState([try lab.route("a.home.arpa", upstream.url)])
            _ = try await lab.proxy.apply(state)
            // Documentation addresses (RFC 5737) belong to no machine.
            let elsewhere = try NginxSettings(
                directory: lab.settings.directory, listen: [try #require(IPLiteral("192.0.2.1"))],
                httpPort: lab.settings.httpPort, httpsPort: lab.settings.httpsPort,
                resolver: lab.settings.resolver, workerUser: lab.settings.workerUser)
            let astray = NginxProxy(elsewhere, client: lab.client, logger: quiet)
            let error = await #expect(throws: ProxyError.self) { try await astray.apply(state) }
            #expect(error?.reason == "ConfigurationRefused")
            #expect(error?.description.contains("192.0.2.1") == true)
            #expect(try await lab.get("a.home.arpa").status == 200)
            #expect(try await lab.proxy.isServing(state))
        }
    }

    @Test("an nginx that is away is an error with a remedy, and comes back with the newest state")
    func absence() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            let first = ProxyState([try lab.route("a.home.arpa", upstream.url)])
            _ = try await lab.proxy.apply(first)
            try await lab.server.killAndWaitUntilReady()
            #expect(try await lab.proxy.isServing(first))
            #expect(try await lab.get("a.home.arpa").status == 200)

            try await lab.server.goAway()
            #expect(try await !lab.proxy.isServing(first))
            let second = ProxyState([try lab.route("b.home.arpa", upstream.url)])
            let error = await #expect(throws: ProxyError.self) { try await lab.proxy.apply(second) }
            #expect(error?.reason == "ProxyUnavailable")
            try await lab.server.comeBack()
            #expect(try await lab.proxy.isServing(second))
            #expect(try await lab.get("b.home.arpa").status == 200)
        }
    }

    @Test("certificates that a loss of power left empty are written anew, and what a killed process left of one goes")
    func emptyFiles() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            let kept = try lab.route("a.home.arpa", upstream.url)
            _ = try await lab.proxy.apply(ProxyState([kept]))
            let folder = lab.settings.certificatesFolder
            let fingerprint = kept.certificate.fingerprint
            for file in ["\(fingerprint).pem", "\(fingerprint).key", "\(fingerprint).key.1.tmp"] {
                try Data().write(to: URL(filePath: "\(folder)/\(file)"))
            }
            let added = try lab.route("b.home.arpa", upstream.url)
            _ = try await lab.proxy.apply(ProxyState([kept, added]))
            #expect(try await lab.get("a.home.arpa").status == 200)
            let files = try FileManager.default.contentsOfDirectory(atPath: folder)
            let wanted = [fingerprint, added.certificate.fingerprint].flatMap { ["\($0).pem", "\($0).key"] }
            #expect(Set(files) == Set(wanted))
        }
    }

    @Test("an nginx that runs with somebody else's configuration on overlapping addresses is taken over")
    func takeover() async throws {
        let lab = try LabAuthority()
        let client = lab.client(.http1)
        try await withPrivateNginx { server in
            let upstream = try FakeUpstream("mine")
            defer { upstream.stop() }
            // The base configuration listens on 127.0.0.1, ours on all addresses with the same port.
            let settings = try NginxSettings(
                directory: server.directory, configurationFile: server.configurationFile,
                listen: [try #require(IPLiteral("0.0.0.0"))], httpPort: server.ports[0], httpsPort: server.ports[1],
                resolver: ServerAddress("127.0.0.1:53", defaultPort: 53),
                workerUser: getuid() == 0 ? "www-data" : nil)
            let own = HTTPClient(logger: quiet)
            let proxy = NginxProxy(settings, client: own, logger: quiet)
            let route = ProxyRoute(
                host: try Hostname("a.home.arpa"), upstream: try UpstreamURL(upstream.url),
                certificate: try lab.certificate("a.home.arpa"))
            #expect(try await proxy.apply(ProxyState([route])).isChanged)
            var request = HTTPRequest(url: "https://a.home.arpa:\(settings.httpsPort)/")
            request.connectOverrides = [.resolve("a.home.arpa", port: settings.httpsPort, to: "127.0.0.1")]
            #expect(try await client.execute(request).text == "hello from mine")
            await own.shutdown()
        }
        await client.shutdown()
    }

    @Test("no request fails during twenty reloads under load")
    func reloadsUnderLoad() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream("busy")
            defer { upstream.stop() }
            let busy = try lab.route("busy.home.arpa", upstream.url)
            _ = try await lab.proxy.apply(ProxyState([busy]))
            let isDone = Flag()
            let counts = try await withThrowingTaskGroup(of: (done: Int, failed: [String]).self) { group in
                for worker in 0..<8 {
                    group.addTask {
                        var done = 0
                        var failed: [String] = []
                        while !isDone.isRaised {
                            var request = lab.request("busy.home.arpa", done % 10 == 9 ? "/slow" : "/")
                            // Half of them open a connection for each request, half keep theirs.
                            request.usesFreshConnection = worker % 2 == 0
                            do {
                                let response = try await lab.client.execute(request)
                                if response.status != 200 { failed.append("status \(response.status)") }
                            } catch {
                                failed.append("\(error)")
                            }
                            done += 1
                        }
                        return (done, failed)
                    }
                }
                for number in 0..<20 {
                    let further = try lab.route("n\(number).home.arpa", upstream.url)
                    #expect(try await lab.proxy.apply(ProxyState([busy, further])).isChanged)
                    // From now on nobody meets the former configuration.
                    for _ in 0..<3 { #expect(try await lab.get("n\(number).home.arpa").status == 200) }
                }
                isDone.raise()
                return try await group.reduce(into: (done: 0, failed: [String]())) {
                    $0.done += $1.done
                    $0.failed += $1.failed
                }
            }
            #expect(counts.done > 100)
            #expect(counts.failed == [])
        }
    }

    @Test("a thousand routes go live in seconds, and looking at them again is cheap")
    func thousand() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream("one of many")
            defer { upstream.stop() }
            let routes = try (0..<1000).map { try lab.route("host-\($0).home.arpa", upstream.url) }
            let state = ProxyState(routes)
            let clock = ContinuousClock()
            let whole = try await clock.measure { _ = try await lab.proxy.apply(state) }
            let before = clock.now
            let isServing = try await lab.proxy.isServing(state)
            let look = before.duration(to: clock.now)
            #expect(isServing)
            let further = ProxyState(routes + [try lab.route("one-more.home.arpa", upstream.url)])
            let one = try await clock.measure { _ = try await lab.proxy.apply(further) }
            print("1000 routes: all \(whole), look \(look), one more \(one)")
            #expect(try await lab.get("host-999.home.arpa").text == "hello from one of many")
            #expect(try await lab.get("one-more.home.arpa").status == 200)
            #expect(whole < .seconds(120))
            #expect(look < .seconds(1))
        }
    }

    @Test("one more route is live soon")
    func latency() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            var routes: [ProxyRoute] = []
            var times: [Duration] = []
            for number in 0..<21 {
                routes.append(try lab.route("n\(number).home.arpa", upstream.url))
                let state = ProxyState(routes)
                times.append(try await ContinuousClock().measure { _ = try await lab.proxy.apply(state) })
            }
            times.sort()
            print("nginx apply: p50 \(times[10]), worst \(times[20])")
            #expect(times[10] < .seconds(2))
        }
    }
}

/// Raised once, seen by all.
private final class Flag: Sendable {
    private let value = Atomic(false)

    var isRaised: Bool { value.load(ordering: .acquiring) }
    func raise() { value.store(true, ordering: .releasing) }
}
