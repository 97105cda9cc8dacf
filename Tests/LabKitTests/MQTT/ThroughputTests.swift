import Foundation
import LabMQTT
import Testing

/// Measured beside `mosquitto_pub -l` and `mosquitto_sub` on the same broker; run it in release mode:
/// `MQTT_THROUGHPUT=60000 swift test -c release -Xswiftc -enable-testing --filter LabMQTTTests.ThroughputTests`.
///
/// More than 65,535 messages are too many for `mosquitto_pub -l`, which reuses packet identifiers that are in use.
@Suite("Throughput", .serialized, .enabled(if: ProcessInfo.processInfo.environment["MQTT_THROUGHPUT"] != nil))
struct ThroughputTests {
    @Test("QoS 1, publisher to subscriber, is at least 0.8 of mosquitto_pub to mosquitto_sub")
    func atLeastOnce() async throws {
        let count = Int(ProcessInfo.processInfo.environment["MQTT_THROUGHPUT"] ?? "") ?? 60_000
        let broker = try Broker(logType: "error")
        try await broker.start()
        var ratios: [Double] = []
        for _ in 0..<3 {
            let peer = try theirs(count, broker)
            let own = try await ours(count, broker)
            ratios.append(peer / own)
            print("mosquitto_pub/_sub \(Int(Double(count) / peer)) per s, LabMQTT \(Int(Double(count) / own)) per s")
        }
        #expect(ratios.sorted()[1] >= 0.8)
    }

    @Test("packet identifiers come round without a message lost or stuck")
    func packetIdentifiersWrap() async throws {
        let broker = try Broker(logType: "error")
        try await broker.start()
        #expect(try await ours(150_000, broker) > 0)
    }

    /// Seconds.
    private func theirs(_ count: Int, _ broker: Broker) throws -> Double {
        let lines = (0..<count).map { "message \($0)" }.joined(separator: "\n") + "\n"
        try Data(lines.utf8).write(to: URL(filePath: broker.path("lines")))
        let subscriber = Process()
        subscriber.executableURL = URL(filePath: "/usr/bin/mosquitto_sub")
        subscriber.arguments = ["-p", "\(broker.port)", "-V", "5", "-q", "1", "-t", "bench", "-C", "\(count)"]
        subscriber.standardOutput = FileHandle.nullDevice
        try subscriber.run()
        usleep(300_000)
        let publisher = Process()
        publisher.executableURL = URL(filePath: "/usr/bin/mosquitto_pub")
        publisher.arguments = ["-p", "\(broker.port)", "-V", "5", "-q", "1", "-t", "bench", "-l"]
        publisher.standardInput = try FileHandle(forReadingFrom: URL(filePath: broker.path("lines")))
        let clock = ContinuousClock()
        let start = clock.now
        try publisher.run()
        while subscriber.isRunning { usleep(1_000) }
        let (seconds, attoseconds) = start.duration(to: clock.now).components
        while publisher.isRunning { usleep(1_000) }
        return Double(seconds) + Double(attoseconds) / 1e18
    }

    /// Seconds.
    private func ours(_ count: Int, _ broker: Broker) async throws -> Double {
        let topic = try MQTTTopic("bench")
        return try await withClient(broker.configuration("bench")) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(topic)], bufferSize: 1024) { messages in
                let clock = ContinuousClock()
                let start = clock.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    for worker in 0..<128 {
                        group.addTask {
                            for index in stride(from: worker, to: count, by: 128) {
                                try await client.publish(MQTTMessage(topic: topic, text: "message \(index)"))
                            }
                        }
                    }
                    _ = try await take(count, from: messages)
                    try await group.waitForAll()
                }
                let (seconds, attoseconds) = start.duration(to: clock.now).components
                return Double(seconds) + Double(attoseconds) / 1e18
            }
        }
    }
}
