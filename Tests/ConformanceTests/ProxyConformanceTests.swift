import LabCore
import LabHTTPClient
import LabService
import LabState
import LabTesting
import Testing

@testable import ProxyRouter
@testable import ProxyRouterTests

/// What every proxy promises, on a private nginx and a private Traefik; where there is no Traefik, by its document, as its
/// checker and its rules read it.
@Suite("Every proxy keeps its promises", .serialized)
struct ProxyConformanceTests {
    @Test("what is applied is served, and equal states change nothing", arguments: ProxyDriver.allCases)
    func idempotence(_ driver: ProxyDriver) async throws {
        try await ProxyUnderTest.with(driver) { lab in
            let state = ProxyState([try lab.route("a.home.arpa"), try lab.route("b.home.arpa")])
            #expect(try await !lab.proxy.isServing(state))
            let first = try await lab.proxy.apply(state)
            #expect(first.isChanged && first.refused.isEmpty)
            #expect(try await lab.proxy.isServing(state))
            for host in ["a.home.arpa", "b.home.arpa"] { #expect(try await lab.serves(host)) }

            let second = try await lab.proxy.apply(ProxyState(state.routes.reversed()))
            #expect(!second.isChanged)
            #expect(second.revision == first.revision)
        }
    }

    @Test(
        "a removed route is gone and the others stay; without the last one nothing is served",
        arguments: ProxyDriver.allCases)
    func removal(_ driver: ProxyDriver) async throws {
        try await ProxyUnderTest.with(driver) { lab in
            let both = ProxyState([try lab.route("a.home.arpa"), try lab.route("b.home.arpa")])
            _ = try await lab.proxy.apply(both)
            #expect(try await lab.proxy.apply(both.without([try Hostname("b.home.arpa")])).isChanged)
            #expect(try await !lab.proxy.isServing(both))
            #expect(try await lab.serves("a.home.arpa"))
            #expect(try await !lab.serves("b.home.arpa"))

            #expect(try await lab.proxy.apply(ProxyState([])).isChanged)
            #expect(try await lab.proxy.isServing(ProxyState([])))
            #expect(try await !lab.serves("a.home.arpa"))
            // It can still be told something: what was left is a configuration that holds.
            _ = try await lab.proxy.apply(both)
            #expect(try await lab.serves("b.home.arpa"))
        }
    }

    @Test("a route that cannot be held is blamed alone while the others go live", arguments: ProxyDriver.allCases)
    func blame(_ driver: ProxyDriver) async throws {
        try await ProxyUnderTest.with(driver) { lab in
            let good = try lab.route("good.home.arpa")
            let bad = try lab.route("bad.home.arpa")
            let other = try lab.lab.newCertificate("other.home.arpa")
            let broken = ProxyRoute(
                host: bad.host, upstream: bad.upstream,
                certificate: ServedCertificate(
                    fingerprint: "00ff", chainPEM: bad.certificate.chainPEM, keyPEM: other.keyPEM))
            let report = try await lab.proxy.apply(ProxyState([good, broken]))
            #expect(Set(report.refused.keys) == [bad.host])
            #expect(try await lab.serves("good.home.arpa"))
            #expect(try await !lab.serves("bad.home.arpa"))
            let again = try await lab.proxy.apply(ProxyState([good, broken]))
            #expect(!again.isChanged && again.refused == report.refused)

            #expect(try await lab.proxy.apply(ProxyState([good, bad])).refused.isEmpty)
            #expect(try await lab.serves("bad.home.arpa"))
        }
    }

    @Test("files that somebody else changed are noticed and made right", arguments: ProxyDriver.allCases)
    func drift(_ driver: ProxyDriver) async throws {
        try await ProxyUnderTest.with(driver) { lab in
            let state = ProxyState([try lab.route("a.home.arpa")])
            _ = try await lab.proxy.apply(state)
            let right = try #require(Disk.read(lab.file))
            try Disk.replace(lab.file, with: right + "\n# changed by hand\n", mode: 0o600)
            #expect(try await !lab.proxy.isServing(state))
            _ = try await lab.proxy.apply(state)
            #expect(try await lab.proxy.isServing(state))
            #expect(Disk.read(lab.file) == right)
            #expect(try await lab.serves("a.home.arpa"))
        }
    }
}

/// A driver, the file that a person would change behind its back, and a way to see what clients get.
private struct ProxyUnderTest: Sendable {
    let proxy: any Proxy
    let lab: LabAuthority
    let upstream: FakeUpstream
    /// The file that holds the routes now.
    let file: String
    /// Whether a route to the upstream is served for a host.
    let serves: @Sendable (String) async throws -> Bool

    func route(_ host: String) throws -> ProxyRoute {
        ProxyRoute(
            host: try Hostname(host), upstream: try UpstreamURL(upstream.url), certificate: try lab.certificate(host))
    }

    static func with(
        _ driver: ProxyDriver, _ body: @escaping @Sendable (ProxyUnderTest) async throws -> Void
    ) async throws {
        let upstream = try FakeUpstream("mine")
        defer { upstream.stop() }
        switch driver {
        case .nginx:
            try await NginxFixture.with { nginx in
                let file = "\(nginx.settings.currentLink)/\(NginxFolder.httpFile)"
                try await body(
                    ProxyUnderTest(proxy: nginx.proxy, lab: nginx.lab, upstream: upstream, file: file) { host in
                        (try? await nginx.get(host))?.text == "hello from mine"
                    })
            }
        case .traefik where TraefikServer.program != nil:
            try await TraefikFixture.with { traefik in
                try await body(
                    ProxyUnderTest(
                        proxy: traefik.proxy, lab: traefik.lab, upstream: upstream, file: traefik.server.file
                    ) { host in
                        try await traefik.server.settle(traefik.proxy.answer.body)
                        return (try? await traefik.get(host))?.text == "hello from mine"
                    })
            }
        case .traefik:
            try await withTemporaryDirectory { directory in
                let file = "\(directory)/lab.yaml"
                let proxy = try TraefikProxy(TraefikSettings(file: file))
                try await body(
                    ProxyUnderTest(proxy: proxy, lab: try LabAuthority(), upstream: upstream, file: file) { host in
                        let document = try JSONText(trusted: proxy.answer.body).decode(JSONValue.self)
                        try TraefikChecker.check(document)
                        #expect(Disk.read(file) == proxy.answer.body)
                        let router = document["http"]?["routers"]?[host]
                        guard router?["rule"] == .string("Host(`\(host)`)"),
                            let service = router?["service"]?.stringValue
                        else { return false }
                        let servers = document["http"]?["services"]?[service]?["loadBalancer"]?["servers"]
                        return servers == [["url": .string(upstream.url)]]
                    })
            }
        }
    }
}
