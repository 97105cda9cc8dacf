import LabCore
import NIOCore
import NIOPosix

/// An HTTP server for tests, which answers every request with 200, or accepts and never answers.
struct TestUpstream {
    enum Manner {
        case answers
        case staysSilent
    }

    private let channel: any Channel
    let port: Int

    static func start(_ manner: Manner = .answers, port: Int = 0) async throws -> TestUpstream {
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if manner == .answers { try channel.pipeline.syncOperations.addHandler(Answerer()) }
                }
            }
            .bind(host: "127.0.0.1", port: port).get()
        return TestUpstream(channel: channel, port: channel.localAddress?.port ?? 0)
    }

    var url: String { "http://127.0.0.1:\(port)" }

    func stop() async throws { try await channel.close() }
}

private final class Answerer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let response = ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
        context.writeAndFlush(wrapOutboundOut(response), promise: nil)
    }
}
