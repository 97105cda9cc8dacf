import LabCore
import NIOCore
import Synchronization
import Testing

@testable import LabHTTPClient

extension HTTPClientTests {
    @Suite("HTTP client: requests and responses")
    struct RequestTests {
        @Test("a GET gives status, headers, version, address and body")
        func plainGet() async throws {
            let server = try await RawServer.start { connection in
                try await connection.answerAll(
                    status: "418 I'm a teapot", headers: "Set-Cookie: a=1\r\nset-cookie: b=2\r\nX-Empty:\r\n",
                    body: "tea")
            }
            try await withClient { (client: HTTPClient) async throws in
                let response = try await client.execute(HTTPRequest(url: server.url))
                #expect(response.status == 418)
                #expect(response.text == "tea")
                #expect(response.headers.values("SET-COOKIE") == ["a=1", "b=2"])
                #expect(response.headers["x-empty"] == "")
                #expect(response.version == .http11)
                #expect(response.head.remoteAddress == "127.0.0.1")
                #expect(response.head.remotePort == server.port)
                #expect(response.timings.total >= response.timings.firstByte)
                #expect(response.timings.firstByte > .zero)
            }
        }

        @Test("a request arrives with its method, headers, authorization and body, and nothing that nobody asked for")
        func requestOnTheWire() async throws {
            let server = try await RawServer.start { connection in
                guard let head = try await connection.readHead() else { return }
                let body = try await connection.read().map { String(buffer: $0) } ?? ""
                let seen = head + "\n\n" + body
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(seen.utf8.count)\r\n\r\n\(seen)")
            }
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(
                    method: .put, url: server.url + "a/b?c=d", headers: ["X-One": "1", "X-Empty": ""],
                    body: .text("hello"))
                request.authorization = HTTPRequest.bearer(Secret("s3cret"))
                let seen = try await client.execute(request).text.replacing("\r\n", with: "\n")
                #expect(
                    seen == """
                        PUT /a/b?c=d HTTP/1.1
                        Host: 127.0.0.1:\(server.port)
                        Accept: */*
                        X-One: 1
                        X-Empty:
                        Authorization: Bearer s3cret
                        User-Agent: homelab
                        Content-Length: 5

                        hello
                        """)
            }
        }

        @Test("a connection is used again for the next request")
        func reuse() async throws {
            let server = try await RawServer.start { try await $0.answerAll(body: "ok") }
            try await withClient { (client: HTTPClient) async throws in
                for _ in 0..<50 { #expect(try await client.execute(HTTPRequest(url: server.url)).status == 200) }
                #expect(server.acceptedConnections == 1)
                var fresh = HTTPRequest(url: server.url)
                fresh.usesFreshConnection = true
                _ = try await client.execute(fresh)
                #expect(server.acceptedConnections == 2)
            }
        }

        @Test("1000 requests at once are all answered, over no more connections than allowed")
        func thousandAtOnce() async throws {
            let server = try await RawServer.start { connection in
                while let head = try await connection.readHead() {
                    let path = head.split(separator: " ")[1]
                    try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(path.utf8.count)\r\n\r\n\(path)")
                }
            }
            try await withClient {
                $0.connectionsPerHost = 40
            } _: { (client: HTTPClient) async throws in
                let url = server.url
                let answers = try await withThrowingTaskGroup(of: String.self) { group in
                    for index in 0..<1000 {
                        group.addTask { try await client.execute(HTTPRequest(url: "\(url)\(index)")).text }
                    }
                    return try await group.reduce(into: Set<String>()) { $0.insert($1) }
                }
                #expect(answers == Set((0..<1000).map { "/\($0)" }))
                #expect(server.acceptedConnections <= 40)
            }
        }

        @Test("HEAD has no body although the server announces one, and its length counts against no bound")
        func head() async throws {
            let server = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n")
            }
            try await withClient { (client: HTTPClient) async throws in
                let response = try await client.execute(HTTPRequest(method: .head, url: server.url))
                #expect(response.body.isEmpty)
                #expect(response.headers["content-length"] == "99999999")
            }
        }

        @Test("a Unix domain socket is spoken to, whatever the URL's host is")
        func unixSocket() async throws {
            let directory = try TemporaryDirectory()
            let path = directory.path + "/s"
            let server = try await RawServer.start(unixSocket: path) { try await $0.answerAll(body: "docker") }
            try await withClient {
                $0.unixSocketPath = path
            } _: { (client: HTTPClient) async throws in
                let response = try await client.execute(HTTPRequest(url: "http://docker/v1.43/version"))
                #expect(response.text == "docker")
                #expect(response.head.remoteAddress == nil)
                #expect(server.acceptedConnections == 1)
            }
        }

        @Test("a name without DNS record is reached through a connect override, for that request alone")
        func connectOverride() async throws {
            let server = try await RawServer.start { connection in
                let head = try await connection.readHead() ?? ""
                let host = head.split(separator: "\r\n").first { $0.hasPrefix("Host:") } ?? ""
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(host.utf8.count)\r\n\r\n\(host)")
            }
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: "http://nas.lab.invalid:\(server.port)/").once
                #expect(try await failure(of: request, from: client) == .couldNotResolve)
                request.connectOverrides = [.resolve("nas.lab.invalid", port: server.port, to: "127.0.0.1")]
                #expect(try await client.execute(request).text == "Host: nas.lab.invalid:\(server.port)")
                request.connectOverrides = [
                    HTTPConnectOverride(host: nil, port: nil, toHost: "127.0.0.1", toPort: server.port)
                ]
                request.url = "http://other.lab.invalid/"
                #expect(try await client.execute(request).text == "Host: other.lab.invalid")
                request.connectOverrides = []
                #expect(try await failure(of: request, from: client) == .couldNotResolve)
            }
        }

        @Test(
            "a request that could smuggle something is refused before anything is sent",
            arguments: [
                HTTPRequest(url: "ftp://127.0.0.1/"), HTTPRequest(url: "file:///etc/passwd"),
                HTTPRequest(url: "/relative"),
                HTTPRequest(url: "http://user:password@127.0.0.1/"), HTTPRequest(url: "http://127.0.0.1/\r\nX: y"),
                HTTPRequest(url: "http://127.0.0.1/", headers: ["X": "a\r\nY: b"]),
                HTTPRequest(url: "http://127.0.0.1/", headers: ["X: y\r\nZ": "a"]),
                HTTPRequest(method: HTTPMethod("GET / HTTP/1.1\r\n"), url: "http://127.0.0.1/"),
                HTTPRequest(url: ""),
            ])
        func invalid(_ request: HTTPRequest) async throws {
            try await withClient { (client: HTTPClient) async throws in
                #expect(try await failure(of: request, from: client) == .invalidRequest)
            }
        }

        @Test("after a shut-down a request fails, and one under way fails at once")
        func shutdown() async throws {
            let server = try await RawServer.start { connection in
                _ = try await connection.readHead()
                _ = try await connection.read()
            }
            try await withClient { (client: HTTPClient) async throws in
                let url = server.url
                async let pending = failure(of: HTTPRequest(url: url), from: client)
                let isConnected = try await server.waitForOpenConnections(1, within: .seconds(10))
                #expect(isConnected)
                await client.shutdown()
                #expect(try await pending == .clientShutDown)
                #expect(try await failure(of: HTTPRequest(url: url), from: client) == .clientShutDown)
            }
        }
    }
}
