import FoundationEssentials
import LabCore
import NIOCore
import Synchronization
import Testing

@testable import LabHTTPClient

extension HTTPClientTests {
    @Suite("HTTP client: retries and redirects")
    struct RetryAndRedirectTests {
        private let quick = HTTPRetryPolicy(
            maximumAttempts: 3, backoff: Backoff(initial: .milliseconds(10), maximum: .milliseconds(20)))

        /// Answers 503 so many times, then 200.
        private func busyServer(_ failures: Int, headers: String = "") async throws -> RawServer {
            let count = Shared(0)
            return try await RawServer.start { connection in
                while try await connection.readHead() != nil {
                    let isBusy = count.add(1) <= failures
                    let status = isBusy ? "503 Service Unavailable\r\n\(headers)" : "200 OK\r\n"
                    try await connection.write("HTTP/1.1 \(status)Content-Length: 0\r\n\r\n")
                }
            }
        }

        @Test("a 503 is asked again, after the wait that Retry-After names")
        func retryAfter() async throws {
            let server = try await busyServer(1, headers: "Retry-After: 1\r\n")
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: server.url)
                request.retries = quick
                let started = ContinuousClock.now
                let response = try await client.execute(request)
                #expect(response.status == 200)
                #expect(response.head.attempts == 2)
                #expect(ContinuousClock.now - started >= .seconds(1))
            }
        }

        @Test("attempts are bounded, the last response is given, and a POST is sent once unless asked for")
        func bounds() async throws {
            let server = try await busyServer(1000)
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: server.url)
                request.retries = quick
                var response = try await client.execute(request)
                #expect(response.status == 503)
                #expect(response.head.attempts == 3)
                request.method = .post
                response = try await client.execute(request)
                #expect(response.head.attempts == 1)
                request.retries.retriesAnyMethod = true
                response = try await client.execute(request)
                #expect(response.head.attempts == 3)
            }
        }

        @Test("a Retry-After beyond the limit is not waited for")
        func longRetryAfter() async throws {
            let server = try await busyServer(1000, headers: "Retry-After: 86400\r\n")
            try await withClient { (client: HTTPClient) async throws in
                let response = try await client.execute(HTTPRequest(url: server.url))
                #expect(response.status == 503)
                #expect(response.head.attempts == 1)
            }
        }

        @Test("a connection that breaks is made again")
        func brokenConnection() async throws {
            let count = Shared(0)
            let server = try await RawServer.start { connection in
                guard try await connection.readHead() != nil, count.add(1) > 2 else { return }
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            }
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: server.url)
                request.retries = quick
                let response = try await client.execute(request)
                #expect(response.head.attempts == 3)
            }
        }

        @Test("Retry-After is read as seconds and as a date, and nothing else")
        func parseRetryAfter() throws {
            let now = Date(timeIntervalSince1970: 784_111_770)
            #expect(RetryAfter.parse("120", now: now) == .seconds(120))
            #expect(RetryAfter.parse("Sun, 06 Nov 1994 08:49:37 GMT", now: now) == .seconds(7))
            #expect(RetryAfter.parse("Sun, 06 Nov 1993 08:49:37 GMT", now: now) == .seconds(0))
            for text in ["", "-1", "soon", "1.5", "Sun, 06 Nov 1994 08:49:37 CET", "99999999999999999999"] {
                #expect(RetryAfter.parse(text, now: now) == nil)
            }
        }

        /// Answers each path with the status and target of its redirect; other paths with what arrived.
        private func redirectingServer(_ redirects: [String: (Int, String)]) async throws -> RawServer {
            try await RawServer.start { connection in
                while let head = try await connection.readHead() {
                    let path = String(head.split(separator: " ")[1])
                    if let (status, target) = redirects[path] {
                        try await connection.write(
                            "HTTP/1.1 \(status) Moved\r\nLocation: \(target)\r\nContent-Length: 0\r\n\r\n")
                    } else {
                        try await connection.write(
                            "HTTP/1.1 200 OK\r\nContent-Length: \(head.utf8.count)\r\n\r\n\(head)")
                    }
                }
            }
        }

        @Test("a redirect on the same origin keeps credentials; one to another origin does not")
        func credentials() async throws {
            let other = try await redirectingServer([:])
            let server = try await redirectingServer(["/a": (302, "b"), "/away": (302, other.url)])
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(
                    url: server.url + "a", headers: ["X-Api-Key": "TOKEN", "Cookie": "TOKEN", "Accept": "text/plain"])
                request.authorization = Secret("TOKEN")
                let near = try await client.execute(request)
                #expect(near.head.url == server.url + "b")
                #expect(near.head.redirects == 1)
                #expect(near.text.ranges(of: "TOKEN").count == 3)
                request.url = server.url + "away"
                let far = try await client.execute(request)
                #expect(far.head.url == other.url)
                #expect(!far.text.contains("TOKEN"))
                #expect(far.text.contains("Accept: text/plain"))
            }
        }

        @Test("a POST becomes a GET after 302, and stays one after 307 with its body")
        func methods() async throws {
            let server = try await redirectingServer(["/302": (302, "/"), "/307": (307, "/")])
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(method: .post, url: server.url + "302", body: .text(""))
                #expect(try await client.execute(request).text.hasPrefix("GET / "))
                request.url = server.url + "307"
                #expect(try await client.execute(request).text.hasPrefix("POST / "))
            }
        }

        @Test(
            "a loop ends at the limit, other schemes are refused, and with redirects off the redirect is the response")
        func loop() async throws {
            let server = try await redirectingServer(["/loop": (301, "/loop"), "/file": (301, "file:///etc/passwd")])
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: server.url + "loop")
                #expect(try await failure(of: request, from: client) == .tooManyRedirects(limit: 5))
                request.redirects = .none
                #expect(try await client.execute(request).status == 301)
                #expect(
                    try await failure(of: HTTPRequest(url: server.url + "file"), from: client) == .insecureRedirect)
            }
        }
    }
}

/// A counter that a script and a test share.
final class Shared: Sendable {
    private let value: Mutex<Int>

    init(_ value: Int) {
        self.value = Mutex(value)
    }

    var current: Int { value.withLock { $0 } }

    @discardableResult
    func add(_ count: Int) -> Int {
        value.withLock {
            $0 += count
            return $0
        }
    }
}
