import Hummingbird
import Logging

/// An HTTP server that the lab puts online.
enum TestUpstream {
    /// Runs it for the length of `body`; it answers every path with its name.
    static func with(
        _ name: String, _ body: @escaping @Sendable (_ url: String) async throws -> Void
    ) async throws {
        let ready = AsyncStream.makeStream(of: Int.self)
        let router = Router()
        router.get("**") { _, _ in "hello from \(name)\n" }
        router.get("/") { _, _ in "hello from \(name)\n" }
        let application = Application(
            router: router, configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: 0)),
            onServerRunning: { channel in
                ready.continuation.yield(channel.localAddress?.port ?? 0)
                ready.continuation.finish()
            }, logger: Logger(label: "upstream") { _ in SwiftLogNoOpLogHandler() })
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await application.run() }
            group.addTask {
                for await port in ready.stream { try await body("http://127.0.0.1:\(port)") }
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }
}
