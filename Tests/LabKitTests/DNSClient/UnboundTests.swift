import FoundationEssentials
import Glibc
import LabCore
import LabServers
import NIOCore
import NIOPosix
import Testing

@testable import LabDNSClient

@Suite("DNS client against Unbound", .serialized)
struct UnboundTests {
    @Test(
        "each type of record is answered as it was configured, over UDP and over TCP",
        arguments: [
            ("a.home.arpa", DNSRecordType.a, ["192.0.2.1"]), ("a.home.arpa", .aaaa, ["2001:db8::1"]),
            ("c.home.arpa", .cname, ["a.home.arpa"]), ("t.home.arpa", .txt, [#""v=1 x" "two""#]),
            ("1.2.0.192.in-addr.arpa", .ptr, ["a.home.arpa"]),
            ("_https._tcp.home.arpa", .srv, ["0 5 443 a.home.arpa"]), ("home.arpa", .mx, ["10 mail.home.arpa"]),
            ("home.arpa", .caa, [#"0 issue "ca.home.arpa""#]), ("home.arpa", .ns, ["ns.home.arpa"]),
            ("home.arpa", .soa, ["ns.home.arpa root.home.arpa 7 3600 600 86400 300"]),
        ])
    func types(name: String, type: DNSRecordType, expected: [String]) async throws {
        let server = try await UnboundServer.start()
        let client = DNSClient(server: "127.0.0.1", port: server.port)
        defer { client.shutdown() }
        for transport in [DNSTransport.udp, .tcp, .automatic] {
            let answer = try await client.ask(RecordName(name), type, transport: transport, timeout: .seconds(20))
            #expect(answer.responseCode == .noError)
            #expect(answer.records.map(\.value.description) == expected)
            #expect(answer.records.allSatisfy { $0.type == type && $0.ttl == 300 })
        }
    }

    @Test("a name that does not exist is NXDOMAIN with the zone's SOA, and one without that type has no records")
    func negative() async throws {
        let server = try await UnboundServer.start()
        let client = DNSClient(server: "127.0.0.1", port: server.port)
        defer { client.shutdown() }
        let missing = try await client.ask(RecordName("missing.home.arpa"), .a, timeout: .seconds(20))
        #expect(missing.responseCode == .nameError)
        #expect(missing.authority.first?.type == .soa)
        let untyped = try await client.ask(RecordName("t.home.arpa"), .a, timeout: .seconds(20))
        #expect(untyped.responseCode == .noError)
        #expect(untyped.records.isEmpty)
    }

    @Test("an answer that does not fit comes over TCP; over UDP alone it is marked as truncated")
    func truncation() async throws {
        let server = try await UnboundServer.start()
        let client = DNSClient(server: "127.0.0.1", port: server.port)
        defer { client.shutdown() }
        let name = try RecordName("big.home.arpa")
        let cut = try await client.ask(name, .txt, transport: .udp, timeout: .seconds(20))
        #expect(cut.isTruncated)
        let whole = try await client.ask(name, .txt, timeout: .seconds(20))
        #expect(!whole.isTruncated)
        #expect(whole.records.count == 20)
    }

    @Test("10,000 questions at once are all answered rightly over one socket")
    func many() async throws {
        let server = try await UnboundServer.start(hosts: 10_000)
        let client = DNSClient(server: "127.0.0.1", port: server.port)
        defer { client.shutdown() }
        let started = ContinuousClock.now
        let wrong = try await withThrowingTaskGroup(of: Bool.self) { group in
            for index in 0..<10_000 {
                group.addTask {
                    let name = try RecordName("h\(index).home.arpa")
                    let answer = try await client.ask(name, .a, timeout: .seconds(30))
                    return answer.records.map(\.value.description) == [UnboundServer.address(index)]
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 0 : 1) }
        }
        #expect(wrong == 0)
        print("10,000 questions in \(ContinuousClock.now - started)")
    }

    @Test("a server that is silent, or answers another question, ends in the time-out")
    func silence() async throws {
        // Sends back the query with the response bit, once for another name and once with another id.
        let liar = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Liar()) }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let port = try #require(liar.localAddress?.port)
        let client = DNSClient(server: "127.0.0.1", port: port)
        defer { client.shutdown() }
        await #expect(throws: DNSClientError.timedOut(server: "127.0.0.1:\(port)", question: "a.home.arpa A")) {
            try await client.ask(RecordName("a.home.arpa"), .a, timeout: .milliseconds(600))
        }
        try await liar.close().get()
    }

    @Test("a server that was away while it was asked much is answered from again once it is back")
    func serverComesBack() async throws {
        // None that the kernel gives to clients: one of the many could be asking the server from it.
        let port = LoopbackPort.free()
        let client = DNSClient(server: "127.0.0.1", port: port)
        defer { client.shutdown() }
        // Many sends at once: one of them meets the ICMP error of another before a read does.
        await withTaskGroup(of: Void.self) { group in
            for _ in 0..<128 {
                group.addTask {
                    await #expect(throws: DNSClientError.self) {
                        try await client.ask(RecordName("a.home.arpa"), .a, timeout: .milliseconds(300))
                    }
                }
            }
        }
        let server = try await UnboundServer.start(at: port)
        let answer = try await client.ask(RecordName("a.home.arpa"), .a, timeout: .seconds(20))
        #expect(answer.records.map(\.value.description) == ["192.0.2.1"])
        withExtendedLifetime(server) {}
    }

    @Test("a cancelled question throws CancellationError, and after the shut-down none is asked")
    func cancellation() async throws {
        let silent = try await DatagramBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .bind(host: "127.0.0.1", port: 0).get()
        let client = DNSClient(server: "127.0.0.1", port: try #require(silent.localAddress?.port))
        let question = Task { try await client.ask(RecordName("a.home.arpa"), .a, timeout: .seconds(60)) }
        try await Task.sleep(for: .milliseconds(100))
        question.cancel()
        await #expect(throws: CancellationError.self) { try await question.value }
        client.shutdown()
        await #expect(throws: DNSClientError.shutDown) { try await client.ask(RecordName("a.home.arpa"), .a) }
        try await silent.close().get()
    }
}

/// Answers with the wrong question, then with the wrong id.
private final class Liar: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = unwrapInboundIn(data)
        var bytes = Array(envelope.data.readableBytesView.dropLast(11))
        bytes[2] = 0x80
        bytes[11] = 0
        for position in [13, 0] {
            var lie = bytes
            lie[position] ^= 1
            let answer = AddressedEnvelope(remoteAddress: envelope.remoteAddress, data: ByteBuffer(bytes: lie))
            context.writeAndFlush(wrapOutboundOut(answer), promise: nil)
        }
    }
}
