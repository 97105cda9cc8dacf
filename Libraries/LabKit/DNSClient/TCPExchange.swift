import NIOCore
import NIOPosix

/// One question over a connection of its own, each message behind its length in two bytes (RFC 1035 section 4.2.2).
enum TCPExchange {
    static func ask(
        _ question: DNSQuestion, at address: SocketAddress, server: String, timeout: Duration
    ) async throws -> DNSAnswer {
        let late = DNSClientError.timedOut(server: server, question: "\(question)")
        return try await withThrowingTaskGroup(of: DNSAnswer.self) { group in
            group.addTask { try await exchange(question, at: address, server: server) }
            group.addTask {
                try await Task.sleep(for: timeout)
                throw late
            }
            defer { group.cancelAll() }
            guard let answer = try await group.next() else { throw late }
            return answer
        }
    }

    private static func exchange(
        _ question: DNSQuestion, at address: SocketAddress, server: String
    ) async throws -> DNSAnswer {
        let id = UInt16.random(in: .min ... .max)
        do {
            let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
                .connect(to: address) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try NIOAsyncChannel<ByteBuffer, ByteBuffer>(wrappingChannelSynchronously: channel)
                    }
                }
            return try await connection.executeThenClose { inbound, outbound in
                let message = question.encoded(id: id)
                var framed = ByteBuffer()
                framed.writeInteger(UInt16(message.count))
                framed.writeBytes(message)
                try await outbound.write(framed)
                var received = ByteBuffer()
                for try await var part in inbound {
                    received.writeBuffer(&part)
                    guard let bytes = received.readFrame() else { continue }
                    let message = try DNSMessage(parsing: bytes)
                    // On a stream there is one answer to wait for: another one is a fault of the server.
                    guard message.id == id, message.question == question else {
                        throw DNSMalformed(detail: "it answers another question")
                    }
                    return message.answer
                }
                throw DNSMalformed(detail: "the connection ended before the answer")
            }
        } catch let error as DNSMalformed {
            throw DNSClientError.malformed(server: server, detail: error.detail)
        } catch let error as CancellationError {
            throw error
        } catch {
            throw DNSClientError.unreachable(server: server, detail: "\(error)")
        }
    }
}

extension ByteBuffer {
    /// One message, once all of it is there.
    fileprivate mutating func readFrame() -> [UInt8]? {
        guard let length: UInt16 = getInteger(at: readerIndex), readableBytes >= Int(length) + 2 else { return nil }
        moveReaderIndex(forwardBy: 2)
        return readBytes(length: Int(length))
    }
}
