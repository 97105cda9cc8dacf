import FoundationEssentials
import NIOCore
import Testing

@testable import LabHTTPClient

extension HTTPClientTests {
    @Suite("HTTP client: streamed bodies")
    struct StreamingTests {
        /// `count` chunks of 64 KiB, made while they are asked for.
        private func chunks(_ count: Int, made: Shared) -> AsyncThrowingStream<[UInt8], any Error> {
            let left = Shared(count)
            let chunk = [UInt8](repeating: 7, count: 65_536)
            return AsyncThrowingStream(unfolding: {
                guard left.add(-1) >= 0 else { return nil }
                made.add(1)
                return chunk
            })
        }

        @Test("200 MB are uploaded with constant memory", arguments: [nil, 3200 * 65_536])
        func largeUpload(length: Int?) async throws {
            let server = try await RawServer.start { connection in
                let head = try await connection.readHead() ?? ""
                var received = 0
                var tail: [UInt8] = []
                let isChunked = head.contains("Transfer-Encoding: chunked")
                while received < 3200 * 65_536 || isChunked && !tail.elementsEqual("0\r\n\r\n".utf8),
                    let bytes = try await connection.read()
                {
                    received += bytes.readableBytes
                    tail = [UInt8]((tail + bytes.lastBytes(5)).suffix(5))
                }
                let answer = "\(received >= 3200 * 65_536) \(isChunked)"
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(answer.utf8.count)\r\n\r\n\(answer)")
            }
            try await withClient { (client: HTTPClient) async throws in
                let made = Shared(0)
                let before = try residentBytes()
                let response = try await client.execute(
                    HTTPRequest(
                        method: .put, url: server.url, body: .stream(chunks(3200, made: made), length: length)))
                #expect(response.text == "true \(length == nil)")
                #expect(made.current == 3200)
                // Other tests run in the same process, so the bound is generous: a quarter of what was sent.
                #expect(try residentBytes() - before < 50 << 20)
            }
        }

        @Test("a chunked echo streams both ways at the same time")
        func echo() async throws {
            let server = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                // The body comes chunked and goes back as it is, its end included.
                while let bytes = try await connection.read() {
                    try await connection.write(Array(bytes.readableBytesView))
                    if bytes.lastBytes(5).elementsEqual("0\r\n\r\n".utf8) { return }
                }
            }
            try await withClient { (client: HTTPClient) async throws in
                let (lines, feed) = AsyncThrowingStream<[UInt8], any Error>.makeStream()
                feed.yield(Array("line 0".utf8))
                let request = HTTPRequest(method: .post, url: server.url, body: .stream(lines))
                let seen = try await client.withStreamingResponse(request) { response in
                    var seen: [String] = []
                    // The next line is sent only when the one before has come back.
                    for try await chunk in response.body {
                        seen.append(String(decoding: chunk, as: UTF8.self))
                        if seen.count < 5 { feed.yield(Array("line \(seen.count)".utf8)) } else { feed.finish() }
                    }
                    return seen
                }
                #expect(seen == (0..<5).map { "line \($0)" })
            }
        }

        @Test("a slow reader makes the server wait, and loses nothing")
        func backpressure() async throws {
            let sent = Shared(0)
            let total = 40 << 20
            let server = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\nContent-Length: \(total)\r\n\r\n")
                for index in 0..<(total / 65_536) {
                    try await connection.write([UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 65_536))
                    sent.add(65_536)
                }
            }
            try await withClient { (client: HTTPClient) async throws in
                let (count, sum) = try await client.withStreamingResponse(HTTPRequest(url: server.url)) { response in
                    var iterator = response.body.makeAsyncIterator()
                    var count = 0
                    var sum = 0
                    // One byte of each chunk tells the order; adding all of them up would be most of the test.
                    func take(_ chunk: [UInt8]) {
                        count += chunk.count
                        sum += Int(chunk[0])
                    }
                    if let first = try await iterator.next() { take(first) }
                    try await Task.sleep(for: .seconds(1))
                    // What the sockets' buffers on both sides hold, and ours; far from all of it.
                    #expect(sent.current < 20 << 20)
                    while let chunk = try await iterator.next() { take(chunk) }
                    return (count, sum)
                }
                #expect(count == total)
                #expect(sum > 0)
            }
        }

        @Test("leaving a stream early closes its connection, and so does an error thrown in the closure")
        func leaveEarly() async throws {
            struct Stop: Error {}
            let server = try await RawServer.start { connection in
                _ = try await connection.readHead()
                try await connection.write("HTTP/1.1 200 OK\r\n\r\n")
                while true {
                    try await connection.write("tick\n")
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            try await withClient { (client: HTTPClient) async throws in
                var request = HTTPRequest(url: server.url)
                request.timeouts = .unlimited
                let first = try await client.withStreamingResponse(request) { response in
                    var iterator = response.body.makeAsyncIterator()
                    return try await iterator.next()
                }
                #expect(first?.starts(with: "tick\n".utf8) == true)
                var isClosed = try await server.waitForOpenConnections(0, within: .seconds(1))
                #expect(isClosed)
                await #expect(throws: Stop.self) {
                    try await client.withStreamingResponse(request) { _ in throw Stop() }
                }
                isClosed = try await server.waitForOpenConnections(0, within: .seconds(1))
                #expect(isClosed)
            }
        }

        @Test("a body whose source fails ends the request with the reason")
        func failingSource() async throws {
            struct DiskGone: Error {}
            let server = try await RawServer.start { connection in
                while try await connection.read() != nil {}
            }
            try await withClient { (client: HTTPClient) async throws in
                let source = AsyncThrowingStream<[UInt8], any Error> { feed in
                    feed.yield([1, 2, 3])
                    feed.finish(throwing: DiskGone())
                }
                do {
                    _ = try await client.execute(HTTPRequest(method: .put, url: server.url, body: .stream(source)))
                    Issue.record("the request should fail")
                } catch let error as HTTPClientError {
                    #expect(error.kind == .requestBodyFailed)
                    #expect(error.detail == "DiskGone()")
                }
            }
        }

        private func residentBytes() throws -> Int {
            let text = try String(decoding: Data(contentsOf: URL(filePath: "/proc/self/statm")), as: UTF8.self)
            return (Int(text.split(separator: " ")[1]) ?? 0) * 4096
        }
    }
}

extension ByteBuffer {
    /// At most `count` bytes from the end, without a walk over all of them.
    fileprivate func lastBytes(_ count: Int) -> [UInt8] {
        let length = min(count, readableBytes)
        return getBytes(at: writerIndex - length, length: length) ?? []
    }
}
