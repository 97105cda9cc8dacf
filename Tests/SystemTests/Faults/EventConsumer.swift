import Foundation
import LabCore
import LabMQTT
import LabPostgres
import LabState
import Logging
import Synchronization
import Testing

/// Consumes the lab's events as a program of the house would: subscribed with a session, its effects through the inbox.
///
/// An effect is a row of a table without any key, so that one that happens twice is there twice.
final class EventConsumer: Sendable {
    private let mqtt: MQTTClient
    private let postgres: PostgresClient
    private let inbox: Inbox
    private let deliveries = Mutex<[UUIDv7: Int]>([:])

    init(_ info: LabUnderTest.Info, postgres: PostgresClient, logger: Logger) throws {
        var configuration = MQTTConfiguration(
            host: "127.0.0.1", port: Int(info.mqttPort) ?? 1883, clientID: "consumer-under-faults", user: info.mqttUser,
            password: Secret(info.mqttPassword), sessionExpiry: .seconds(3600))
        configuration.operationTimeout = .seconds(60)
        mqtt = try MQTTClient(configuration, logger: logger)
        self.postgres = postgres
        inbox = Inbox(consumer: "under-faults", postgres: postgres)
    }

    /// How often each event was delivered.
    var delivered: [UUIDv7: Int] { deliveries.withLock { $0 } }

    /// Consumes for the length of `body`, which begins once the broker has granted the subscription.
    func run(_ body: @escaping @Sendable () async throws -> Void) async throws {
        try await postgres.query("create table public.effect (event_id uuid not null, type text not null)")
        let (granted, grant) = AsyncStream<Void>.makeStream()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await self.mqtt.run() }
            group.addTask {
                try await self.mqtt.withSubscription(to: [MQTTTopicFilter("lab/v1/events/+")]) { messages in
                    grant.finish()
                    for try await message in messages { try await self.take(message) }
                }
            }
            group.addTask {
                for await _ in granted {}
                try await body()
            }
            defer { group.cancelAll() }
            try await group.next()
        }
    }

    private func take(_ message: MQTTMessage) async throws {
        let document = try JSONText(trusted: message.text ?? "").decode(JSONValue.self)
        let id = try #require(UUIDv7(document["id"]?.stringValue ?? ""))
        let type = document["type"]?.stringValue ?? ""
        deliveries.withLock { $0[id, default: 0] += 1 }
        while true {
            do {
                try await inbox.once(id) { connection in
                    try await connection.query("insert into public.effect (event_id, type) values (\(id), \(type))")
                }
                return
            } catch {
                // The database is struck as well. What was recorded before the answer was lost is found in the inbox.
                try Task.checkCancellation()
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }
}
