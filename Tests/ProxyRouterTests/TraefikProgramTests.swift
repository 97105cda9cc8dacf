import LabCore
import LabHTTPClient
import LabServers
import LabTesting
import Testing

@testable import ProxyRouter

/// What Traefik makes of the document, other than what the checker says of it.
@Suite(
    "Traefik itself serves what the document says", .serialized,
    .enabled(if: TraefikServer.program != nil, "\(TraefikServer.absence)"))
struct TraefikProgramTests {
    @Test(
        "a route answers over HTTPS, HTTP leads to it with the right port, and a name without a route ends the handshake"
    )
    func serves() async throws {
        try await TraefikFixture.with { lab in
            let upstream = try FakeUpstream("mine")
            defer { upstream.stop() }
            try await lab.apply([
                try lab.route("a.home.arpa", upstream.url),
                try lab.route("b.home.arpa", upstream.url, pathPrefix: "/base"),
            ])
            #expect(try await lab.get("a.home.arpa").text == "hello from mine")
            let prefixed = try await lab.get("b.home.arpa", "/echo?x=%2F%20y").text
            #expect(prefixed.hasPrefix("GET /base/echo?x=%2F%20y HTTP/1.1"))

            let second = lab.lab.client(.negotiated)
            let response = try await second.execute(lab.request("a.home.arpa"))
            #expect(response.version == .http2 && response.text == "hello from mine")
            await second.shutdown()

            var plain = HTTPRequest(url: "http://a.home.arpa:\(lab.server.ports[0])/page?x=1")
            plain.connectOverrides = [.resolve("a.home.arpa", port: lab.server.ports[0], to: "127.0.0.1")]
            plain.redirects = .none
            let redirect = try await lab.client.execute(plain)
            #expect([301, 308].contains(redirect.status))
            #expect(redirect.headers["Location"] == "https://a.home.arpa:\(lab.server.ports[1])/page?x=1")

            await #expect(throws: HTTPClientError.self) { try await lab.get("stranger.home.arpa") }
        }
    }

    @Test("the upstream gets what the proxy saw of the client, not what the client claims")
    func forwardedHeaders() async throws {
        try await TraefikFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            try await lab.apply([try lab.route("a.home.arpa", upstream.url)])
            var request = lab.request("a.home.arpa", "/echo")
            for (name, value) in [
                ("X-Forwarded-For", "6.6.6.6"), ("X-Real-IP", "6.6.6.6"), ("X-Forwarded-Proto", "gopher"),
                ("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Prefix", "/evil"),
            ] { request.headers[name] = value }
            let head = try await lab.client.execute(request).text.lowercased()
            #expect(!head.contains("6.6.6.6") && !head.contains("evil"), "\(head)")
            #expect(head.contains("x-forwarded-for: 127.0.0.1\r\n"))
            #expect(head.contains("x-forwarded-proto: https\r\n"))
            #expect(head.contains("host: a.home.arpa:\(lab.server.ports[1])\r\n"))
        }
    }

    @Test("a stream arrives chunk by chunk, and a body above a route's limit is refused")
    func bodies() async throws {
        try await TraefikFixture.with { lab in
            let upstream = try FakeUpstream()
            defer { upstream.stop() }
            try await lab.apply([
                try lab.route("a.home.arpa", upstream.url),
                try lab.route("small.home.arpa", upstream.url, maximumBodyMegabytes: 1),
            ])
            let arrivals = try await lab.client.withStreamingResponse(lab.request("a.home.arpa", "/stream")) {
                var arrivals: [ContinuousClock.Instant] = []
                for try await _ in $0.body { arrivals.append(.now) }
                return arrivals
            }
            let first = try #require(arrivals.first)
            let last = try #require(arrivals.last)
            #expect(arrivals.count >= 4 && first.duration(to: last) > .milliseconds(250))

            for (host, size, status) in [
                ("a.home.arpa", 3 << 20, 200), ("small.home.arpa", 1 << 19, 200), ("small.home.arpa", 3 << 20, 413),
            ] {
                var upload = lab.request(host, "/upload", method: .post)
                upload.body = .bytes([UInt8](repeating: 7, count: size))
                #expect(try await lab.client.execute(upload).status == status, "\(host) \(size)")
            }
        }
    }
}
