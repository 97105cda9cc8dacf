import FoundationEssentials
import LabCore
import LabHTTPClient
import LabServers
import LabTesting
import Testing

@testable import ProxyRouter

@Suite("nginx serves what it is told", .serialized)
struct NginxTests {
    @Test("a route answers over HTTPS, in HTTP/2 too, and HTTP leads to it with the right port")
    func serves() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream("notes")
            defer { upstream.stop() }
            let report = try await lab.proxy.apply(ProxyState([try lab.route("notes.home.arpa", upstream.url)]))
            #expect(report.isChanged)
            #expect(report.refused.isEmpty)

            let response = try await lab.get("notes.home.arpa")
            #expect(response.status == 200)
            #expect(response.text == "hello from notes")
            #expect(response.certificates.first?.alternativeNames == ["notes.home.arpa"])
            #expect(response.headers["Strict-Transport-Security"] == nil)

            let modern = lab.lab.client(.negotiated)
            let second = try await modern.execute(lab.request("notes.home.arpa"))
            #expect(second.version == .http2)
            #expect(second.text == "hello from notes")
            await modern.shutdown()

            var plain = HTTPRequest(url: "http://notes.home.arpa:\(lab.settings.httpPort)/a?b=c")
            plain.connectOverrides = [.resolve("notes.home.arpa", port: lab.settings.httpPort, to: "127.0.0.1")]
            plain.redirects = .none
            let redirect = try await lab.client.execute(plain)
            #expect(redirect.status == 308)
            #expect(redirect.headers["Location"] == "https://notes.home.arpa:\(lab.settings.httpsPort)/a?b=c")
        }
    }

    @Test("a name that no route has ends the handshake, and gets 404 over HTTP")
    func unknownNames() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            _ = try await lab.proxy.apply(ProxyState([try lab.route("notes.home.arpa", upstream.url)]))
            let error = await #expect(throws: HTTPClientError.self) { try await lab.get("other.home.arpa") }
            #expect(error?.kind == .tlsHandshake)
            var plain = HTTPRequest(url: "http://other.home.arpa:\(lab.settings.httpPort)/")
            plain.connectOverrides = [.resolve("other.home.arpa", port: lab.settings.httpPort, to: "127.0.0.1")]
            #expect(try await lab.client.execute(plain).status == 404)
        }
    }

    @Test("the upstream gets what the proxy saw of the client, not what the client claims")
    func forwardedHeaders() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            _ = try await lab.proxy.apply(
                ProxyState([
                    try lab.route("a.home.arpa", upstream.url),
                    try lab.route("b.home.arpa", upstream.url, pathPrefix: "/base"),
                ]))
            var request = lab.request("a.home.arpa", "/echo")
            for (name, value) in [
                ("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6"), ("X-Forwarded-Proto", "gopher"),
                ("X-Forwarded-Host", "evil.example"), ("Forwarded", "for=6.6.6.6"), ("X-Forwarded-Prefix", "/evil"),
            ] { request.headers[name] = value }
            let head = try await lab.client.execute(request).text
            #expect(!head.contains("6.6.6.6"))
            #expect(!head.contains("evil"))
            #expect(head.contains("X-Forwarded-For: 127.0.0.1\r\n"))
            #expect(head.contains("X-Forwarded-Proto: https\r\n"))
            #expect(head.contains("X-Forwarded-Host: a.home.arpa:\(lab.settings.httpsPort)\r\n"))
            #expect(head.contains("Host: a.home.arpa:\(lab.settings.httpsPort)\r\n"))

            let prefixed = try await lab.get("b.home.arpa", "/echo?x=%2F%20y").text
            #expect(prefixed.hasPrefix("GET /base/echo?x=%2F%20y HTTP/1.1"))
        }
    }

    @Test("an upstream that is away gives the proxy's own 502; an upstream's 502 does not look like it")
    func errors() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            _ = try await lab.proxy.apply(
                ProxyState([
                    try lab.route("a.home.arpa", upstream.url),
                    // Nothing answers at the resolver of the fixture, so this name does not resolve.
                    try lab.route("b.home.arpa", "http://nowhere.home.arpa:8080"),
                ]))
            let theirs = try await lab.get("a.home.arpa", "/status/502")
            #expect(theirs.status == 502)
            #expect(theirs.headers["Proxy-Status"] == nil)
            upstream.stop()
            let ours = try await lab.get("a.home.arpa")
            #expect(ours.status == 502)
            #expect(ours.headers["Proxy-Status"]?.hasPrefix("homelab;") == true)
            let unresolved = try await lab.get("b.home.arpa")
            #expect(unresolved.status == 502)
            #expect(unresolved.headers["Proxy-Status"]?.hasPrefix("homelab;") == true)
        }
    }

    @Test("a stream arrives chunk by chunk")
    func streams() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            _ = try await lab.proxy.apply(ProxyState([try lab.route("a.home.arpa", upstream.url)]))
            let arrivals = try await lab.client.withStreamingResponse(lab.request("a.home.arpa", "/stream")) {
                var arrivals: [(at: ContinuousClock.Instant, text: String)] = []
                for try await chunk in $0.body {
                    arrivals.append((.now, String(decoding: chunk, as: UTF8.self)))
                }
                return arrivals
            }
            #expect(arrivals.map(\.text).joined() == (1...5).map { "data: \($0)\n\n" }.joined())
            #expect(arrivals.count >= 4)
            let first = try #require(arrivals.first)
            let last = try #require(arrivals.last)
            #expect(first.at.duration(to: last.at) > .milliseconds(250))
        }
    }

    @Test("after an upgrade bytes pass in both directions")
    func upgrades() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            _ = try await lab.proxy.apply(ProxyState([try lab.route("a.home.arpa", upstream.url)]))
            let result = try await Program.run(
                "openssl",
                [
                    "s_client", "-connect", "127.0.0.1:\(lab.settings.httpsPort)", "-servername", "a.home.arpa",
                    "-quiet", "-ign_eof",
                ],
                input: "GET /socket HTTP/1.1\r\nHost: a.home.arpa\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                    + "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nbye",
                timeout: .seconds(20))
            #expect(result.standardOutput.contains("101 Switching Protocols"))
            #expect(result.standardOutput.contains("echo:bye"))
        }
    }

    @Test("300 MB pass through in constant memory; a route's own limit is kept")
    func uploads() async throws {
        try await NginxFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            _ = try await lab.proxy.apply(
                ProxyState([
                    try lab.route("a.home.arpa", upstream.url),
                    try lab.route("b.home.arpa", upstream.url, maximumBodyMegabytes: 1),
                ]))
            let chunk = [UInt8](repeating: 7, count: 1 << 20)
            var request = lab.request("a.home.arpa", "/upload", method: .post)
            request.timeouts = .unlimited
            request.body = .stream(
                AsyncThrowingStream<[UInt8], any Error> { continuation in
                    for _ in 0..<300 { continuation.yield(chunk) }
                    continuation.finish()
                }, length: 300 << 20)
            #expect(try await lab.client.execute(request).text == String(300 << 20))
            let master = try NginxMaster(pidFile: lab.settings.pidFile)
            for worker in master.workers {
                let peak = try #require(Self.peakKilobytes(worker))
                #expect(peak < 64_000)
            }
            var limited = lab.request("b.home.arpa", "/upload", method: .post)
            limited.body = .bytes(chunk + chunk)
            #expect(try await lab.client.execute(limited).status == 413)
        }
    }

    private static func peakKilobytes(_ pid: Int32) -> Int? {
        let line = Disk.read("/proc/\(pid)/status")?.split(separator: "\n").first { $0.hasPrefix("VmHWM:") }
        return line.flatMap { Int($0.split(separator: " ").dropLast().last ?? "") }
    }
}
