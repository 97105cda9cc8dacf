import FoundationEssentials
import LabCore
import Testing

@testable import LabHTTPClient

extension HTTPClientTests {
    @Suite("HTTP client: TLS against nginx")
    struct TLSTests {
        @Test("a server of the trusted authority answers, and its certificate is described")
        func trusted() async throws {
            let server = try await NginxServer.start()
            try await withClient {
                $0.trust = .authorities(pem: server.authorityPEM)
            } _: { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: "https://localhost:\(server.goodPort)/hello")
                request.usesFreshConnection = true
                let response = try await client.execute(request)
                #expect(response.text == "hello")
                let certificate = try #require(response.certificates.first)
                #expect(certificate.alternativeNames == ["localhost", "127.0.0.1"])
                #expect(certificate.subject.contains("CN = localhost"))
                #expect(certificate.issuer.contains("Test Authority"))
                let notAfter = try #require(certificate.notAfter)
                #expect(abs(notAfter.timeIntervalSinceNow - 10 * 86_400) < 3600)
                #expect(certificate.pem.hasPrefix("-----BEGIN CERTIFICATE-----"))
                #expect(response.timings.tlsHandshake >= response.timings.connect)
                #expect(response.timings.connect > .zero)
            }
        }

        @Test("an unknown authority, a wrong name and an expired certificate are told apart")
        func verification() async throws {
            let server = try await NginxServer.start()
            try await withClient { (client: HTTPClient) async throws in
                let request = HTTPRequest(url: "https://localhost:\(server.goodPort)/hello")
                #expect(try await failure(of: request, from: client) == .unknownAuthority)
            }
            try await withClient {
                $0.trust = .authorities(pem: server.authorityPEM)
            } _: { (client: HTTPClient) async throws in
                let expired = HTTPRequest(url: "https://localhost:\(server.expiredPort)/hello")
                #expect(try await failure(of: expired, from: client) == .certificateExpired)
                var misnamed = HTTPRequest(url: "https://other.lab.invalid:\(server.goodPort)/hello")
                misnamed.connectOverrides = [.resolve("other.lab.invalid", port: server.goodPort, to: "127.0.0.1")]
                #expect(try await failure(of: misnamed, from: client) == .nameMismatch)
                let plain = HTTPRequest(url: "https://localhost:\(server.plainPort)/hello").once
                #expect(try await failure(of: plain, from: client) == .tlsHandshake)
            }
            try await withClient {
                $0.trust = .unverified
            } _: { (client: HTTPClient) async throws in
                var expired = HTTPRequest(url: "https://localhost:\(server.expiredPort)/hello")
                expired.usesFreshConnection = true
                let certificate = try #require(try await client.execute(expired).certificates.first)
                #expect(try #require(certificate.notAfter) < Date())
            }
            try await withClient {
                $0.trust = .authorities(pem: "not PEM")
            } _: { (client: HTTPClient) async throws in
                let request = HTTPRequest(url: "https://localhost:\(server.goodPort)/hello")
                #expect(try await failure(of: request, from: client) == .tlsConfiguration)
            }
        }

        @Test("a client certificate opens what is closed without it")
        func clientCertificate() async throws {
            let server = try await NginxServer.start()
            for isShown in [true, false] {
                try await withClient {
                    $0.trust = .authorities(pem: server.authorityPEM)
                    if isShown {
                        $0.clientCertificate = HTTPClientCertificate(
                            chainPEM: server.clientPEM, keyPEM: Secret(server.clientKeyPEM))
                    }
                } _: { (client: HTTPClient) async throws in
                    let request = HTTPRequest(url: "https://localhost:\(server.mutualPort)/hello")
                    #expect(try await client.execute(request).status == (isShown ? 200 : 400))
                }
            }
        }

        @Test("a redirect from https to http is refused, one from http to https is followed")
        func redirects() async throws {
            let server = try await NginxServer.start()
            try await withClient {
                $0.trust = .authorities(pem: server.authorityPEM)
            } _: { (client: HTTPClient) async throws in
                let down = HTTPRequest(url: "https://localhost:\(server.goodPort)/down")
                #expect(try await failure(of: down, from: client) == .insecureRedirect)
                let upward = HTTPRequest(url: "http://localhost:\(server.plainPort)/up")
                #expect(try await client.execute(upward).text == "hello")
            }
        }

        @Test("HTTP/2 is spoken where it is asked for and offered")
        func http2() async throws {
            let server = try await NginxServer.start()
            try await withClient {
                $0.trust = .authorities(pem: server.authorityPEM)
                $0.versions = .negotiated
            } _: { (client: HTTPClient) async throws in
                let url = "https://localhost:\(server.goodPort)"
                #expect(try await client.execute(HTTPRequest(url: url + "/hello")).version == .http2)
                let count = try await client.withStreamingResponse(HTTPRequest(url: url + "/large")) { response in
                    try await response.body.reduce(0) { $0 + $1.count }
                }
                #expect(count == 20 << 20)
            }
        }

        @Test("a compressed body is decompressed where that is asked for")
        func compression() async throws {
            let server = try await NginxServer.start()
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: "http://localhost:\(server.plainPort)/text")
                #expect(try await client.execute(request).headers["Content-Encoding"] == nil)
                request.acceptsCompression = true
                let response = try await client.execute(request)
                #expect(response.headers["Content-Encoding"] == "gzip")
                #expect(response.text == String(repeating: "lab ", count: 10_000))
            }
        }
    }
}
