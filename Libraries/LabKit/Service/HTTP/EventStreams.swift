import FoundationEssentials
import HTTPTypes
import Hummingbird
import LabCore
import LabState
import NIOCore
import ServiceLifecycle

/// Server-Sent Events: resources and recorded events as they change.
struct EventStreams: Sendable {
    static let paths = ["/v1/watch/{kind}/{name}", "/v1/events/stream"]

    let lab: LabContext
    let kinds: [any ResourceKind.Type]
    /// A comment is sent after this long without an event, so that a broken connection is noticed.
    private let heartbeat: Duration = .seconds(15)

    func add(to router: Router<LabRequestContext>) {
        router.get("/v1/watch/{kind}/{name}") { _, context in try watch(context) }
        router.get("/v1/events/stream") { request, _ in try await follow(request) }
    }

    /// The resource's document now and whenever it or a condition changes; `gone` ends the stream.
    private func watch(_ context: LabRequestContext) throws -> Response {
        let asked = context.parameters.get("kind").flatMap { PercentEncoding.decode($0) } ?? ""
        guard let kind = kinds.first(where: { $0.plural == asked || $0.name == asked }) else {
            throw Problem.invalid(
                "/kind", "“\(asked.prefix(80))” is not a kind",
                remedy: "Known are " + kinds.map { $0.plural }.joined(separator: ", "))
        }
        let name: ResourceName
        do {
            name = try ResourceName(context.parameters.get("name").flatMap { PercentEncoding.decode($0) } ?? "")
        } catch {
            throw error.problem(at: "/name")
        }
        let key = ResourceKey(kind: kind.name, name: name)
        let order = kind.conditionTypes
        return stream { write in
            try await lab.wakeUps.follow(channel: WakeUps.conditionChannel) { awaitNext in
                var last: String?
                while true {
                    guard let (resource, conditions) = try await lab.store.resourceWithConditions(key) else {
                        return try await write("event: gone\ndata: {}\n\n")
                    }
                    func place(_ condition: ObservedCondition) -> Int {
                        order.firstIndex(of: condition.condition.type) ?? order.count
                    }
                    let text = ResourceDocumentText.write(resource, conditions.sorted { place($0) < place($1) }).text
                    try await write(text == last ? ": still here\n\n" : "event: resource\ndata: \(text)\n\n")
                    last = text
                    guard try await goesOn(WakeUps.conditionChannel, awaitNext) else { return }
                }
            }
        }
    }

    /// Recorded events after `Last-Event-ID` (or from now on), each with its sequence number as its id.
    private func follow(_ request: Request) async throws -> Response {
        let log = EventLog(postgres: lab.store.postgres)
        var given: Int64?
        if let field = HTTPField.Name("Last-Event-ID"), let text = request.headers[field] { given = Int64(text) }
        let start: Int64
        if let given { start = given } else { start = try await log.position() }
        return stream { write in
            try await lab.wakeUps.follow(channel: WakeUps.eventChannel) { awaitNext in
                var position = start
                try await write(": events after \(position)\n\n")
                while true {
                    let events = try await log.events(after: position)
                    for event in events {
                        try await write("id: \(event.sequence)\nevent: \(event.type)\ndata: \(Self.data(event))\n\n")
                        position = event.sequence
                    }
                    if events.isEmpty {
                        guard try await goesOn(WakeUps.eventChannel, awaitNext) else { return }
                        try await write(": still here\n\n")
                    }
                }
            }
        }
    }

    /// Waits for a notification or the heartbeat; false when the server shuts down, which no stream may hold up.
    private func goesOn(_ channel: String, _ awaitNext: (Duration) async -> Void) async throws -> Bool {
        await withGracefulShutdownHandler {
            await awaitNext(heartbeat)
        } onGracefulShutdown: {
            lab.wakeUps.signal(channel: channel)
        }
        try Task.checkCancellation()
        return !Task.isShuttingDownGracefully
    }

    private static func data(_ event: Event) -> String {
        EventDocument(event).jsonText.text
    }

    private func stream(
        _ produce: @escaping @Sendable (_ write: (String) async throws -> Void) async throws -> Void
    ) -> Response {
        Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: .init { writer in
                // A client that goes away makes the write throw, which ends the loop; what it produces ends with the server.
                var output = writer
                do {
                    try await produce { text in try await output.write(ByteBuffer(string: text)) }
                } catch is CancellationError {}
                try await output.finish(nil)
            })
    }
}
