import LabServers
import Testing

@testable import LabHTTPClient

extension HTTPClientTests {
    @Suite("HTTP client: servers that misbehave")
    struct MisbehaviourTests {
        @Test("a server that never answers ends in the idle time-out, or in the total one where that is shorter")
        func silence() async throws {
            let server = try await RawServer.start { connection in
                while try await connection.read() != nil {}
            }
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: server.url)
                request.timeouts = HTTPTimeouts(total: .seconds(60), idle: .seconds(1))
                #expect(try await failure(of: request, from: client) == .timedOut(.idle, after: .seconds(1)))
                request.timeouts = HTTPTimeouts(total: .milliseconds(300), idle: .seconds(30))
                #expect(try await failure(of: request, from: client) == .timedOut(.total, after: .milliseconds(300)))
            }
        }

        @Test("a server that trickles is ended by the total time-out")
        func trickle() async throws {
            let server = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while true {
                    try await connection.write("x")
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: server.url)
                request.timeouts = HTTPTimeouts(total: .milliseconds(700), idle: .seconds(5))
                #expect(try await failure(of: request, from: client) == .timedOut(.total, after: .milliseconds(700)))
            }
        }

        @Test("nobody at the port is a refused connection")
        func refused() async throws {
            let port = LoopbackPort.free()
            try await withClient { (client: HTTPClient) async throws in
                let request = HTTPRequest(url: "http://127.0.0.1:\(port)/").once
                #expect(try await failure(of: request, from: client) == .connectionRefused)
            }
        }

        @Test("endless headers end at the bound")
        func endlessHeaders() async throws {
            let server = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\n")
                while true { try await connection.write("X-Padding: \(String(repeating: "x", count: 1000))\r\n") }
            }
            let line = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\nX-Padding: ")
                while true { try await connection.write(String(repeating: "x", count: 1000)) }
            }
            try await withClient { (client: HTTPClient) async throws in
                #expect(
                    try await failure(of: HTTPRequest(url: server.url), from: client) == .headersTooLarge(limit: 65_536)
                )
                #expect(
                    try await failure(of: HTTPRequest(url: line.url), from: client) == .headersTooLarge(limit: 65_536))
            }
        }

        @Test("a body over the bound is refused, whether its length is announced or not")
        func hugeBody() async throws {
            let announced = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n")
            }
            let unannounced = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\n\r\n")
                while true { try await connection.write([UInt8](repeating: 1, count: 10_000)) }
            }
            try await withClient { (client: HTTPClient) async throws in
                for server in [announced, unannounced] {
                    var request = HTTPRequest(url: server.url)
                    #expect(try await failure(of: request, from: client) == .bodyTooLarge(limit: 8 << 20))
                    request.maximumBodyBytes = 1000
                    #expect(try await failure(of: request, from: client) == .bodyTooLarge(limit: 1000))
                }
            }
        }

        @Test("a response that breaks off is a closed connection, and something else than HTTP a violation")
        func brokenOff() async throws {
            let early = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            }
            let silent = try await RawServer.start { _ = try await $0.readHead() }
            let other = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("220 mail.example ESMTP\r\n")
            }
            try await withClient { (client: HTTPClient) async throws in
                #expect(try await failure(of: HTTPRequest(url: early.url).once, from: client) == .connectionClosed)
                #expect(try await failure(of: HTTPRequest(url: silent.url).once, from: client) == .connectionClosed)
                #expect(try await failure(of: HTTPRequest(url: other.url).once, from: client) == .protocolViolation)
                #expect(silent.acceptedConnections == 1)
            }
        }

        @Test("a cancelled request closes its connection within a second, and throws CancellationError")
        func cancellation() async throws {
            let server = try await RawServer.start { connection in
                while try await connection.read() != nil {}
            }
            try await withClient { (client: HTTPClient) async throws in
                let url = server.url
                let requests = (0..<20).map { _ in Task { try await client.execute(HTTPRequest(url: url)) } }
                let allConnected = try await server.waitForOpenConnections(20, within: .seconds(10))
                #expect(allConnected)
                for request in requests { request.cancel() }
                let allClosed = try await server.waitForOpenConnections(0, within: .seconds(1))
                #expect(allClosed)
                for request in requests {
                    await #expect(throws: CancellationError.self) { try await request.value }
                }
            }
        }

        @Test("a request of a task that is cancelled already is not sent")
        func cancelledBefore() async throws {
            let server = try await RawServer.start { try await $0.answerAll(body: "ok") }
            try await withClient { (client: HTTPClient) async throws in
                let url = server.url
                let request = Task {
                    withUnsafeCurrentTask { $0?.cancel() }
                    return try await client.execute(HTTPRequest(url: url))
                }
                await #expect(throws: CancellationError.self) { try await request.value }
                #expect(server.acceptedConnections == 0)
            }
        }

        @Test("an error's description names the origin and what to do, and no path, query or credential")
        func description() async throws {
            let port = LoopbackPort.free()
            try await withClient { (client: HTTPClient) async throws in
                let request = HTTPRequest(url: "http://127.0.0.1:\(port)/bot123:TOKEN/send?key=TOKEN").once
                do {
                    _ = try await client.execute(request)
                    Issue.record("nobody should answer")
                } catch let error as HTTPClientError {
                    #expect("\(error)".hasPrefix("GET http://127.0.0.1:\(port): nothing listens on that port"))
                    #expect("\(error)".hasSuffix("Start the service, or correct the port"))
                    #expect(!"\(error)".contains("TOKEN"))
                    #expect(!"\(request)\(String(reflecting: request))".contains("TOKEN"))
                }
            }
        }
    }
}
