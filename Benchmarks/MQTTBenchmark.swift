import Foundation
import LabKit
import LabServers
import LabTesting

/// QoS 1 from a publisher through the broker to a subscriber, beside `mosquitto_pub -l` and `mosquitto_sub`.
enum MQTTBenchmark {
    /// Above 65,535 `mosquitto_pub -l` uses packet identifiers again that are under way.
    private static let count = 60_000
    private static let rounds = 3

    static func run() async throws -> [Measurement] {
        try await withTemporaryDirectory { directory in
            let port = LoopbackPort.free()
            let broker = try await startBroker(in: directory, port: port)
            defer {
                broker.terminate()
                while broker.isRunning { usleep(2_000) }
            }
            let lines = directory + "/lines"
            try Data((0..<count).map { "message \($0)\n" }.joined().utf8).write(to: URL(filePath: lines))
            var ours: [Double] = []
            var peer: [Double] = []
            for _ in 0..<rounds {
                peer.append(Double(count) / (try await theirs(port, lines)).seconds)
                ours.append(Double(count) / (try await own(port)).seconds)
            }
            return [
                Measurement(
                    "MQTT, QoS 1, publisher to subscriber", ours: ours.median,
                    peer: ("mosquitto_pub -l to mosquitto_sub", peer.median), unit: "messages/s")
            ]
        }
    }

    /// A broker that drops nothing and logs nothing.
    private static func startBroker(in directory: String, port: Int) async throws -> Process {
        let settings = [
            getuid() == 0 ? "user root" : "", "listener \(port) 127.0.0.1", "allow_anonymous true",
            "max_queued_messages 0", "max_inflight_messages 500", "log_type none",
        ]
        let path = directory + "/mosquitto.conf"
        try Data(settings.joined(separator: "\n").utf8).write(to: URL(filePath: path))
        let broker = try BackgroundProgram.start("mosquitto", ["-c", path])
        try await BackgroundProgram.untilListening(port)
        return broker
    }

    private static func theirs(_ port: Int, _ lines: String) async throws -> Duration {
        let common = ["-p", String(port), "-V", "5", "-q", "1", "-t", "bench"]
        let subscriber = try BackgroundProgram.start("mosquitto_sub", common + ["-C", String(count)])
        try await Task.sleep(for: .milliseconds(300))
        let start = ContinuousClock.now
        let publisher = try BackgroundProgram.start(
            "mosquitto_pub", common + ["-l"], input: try FileHandle(forReadingFrom: URL(filePath: lines)))
        while subscriber.isRunning { try await Task.sleep(for: .milliseconds(1)) }
        let duration = ContinuousClock.now - start
        while publisher.isRunning { try await Task.sleep(for: .milliseconds(1)) }
        return duration
    }

    private static func own(_ port: Int) async throws -> Duration {
        let client = try MQTTClient(
            MQTTConfiguration(host: "127.0.0.1", port: port, clientID: "bench", sessionExpiry: .zero), logger: .silent)
        let topic = try MQTTTopic("bench")
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await client.run() }
            let duration = try await client.withSubscription(to: [MQTTTopicFilter(topic)], bufferSize: 1024) {
                messages in
                let start = ContinuousClock.now
                try await withThrowingTaskGroup(of: Void.self) { group in
                    let (workers, count) = (128, count)
                    for worker in 0..<workers {
                        group.addTask {
                            for index in stride(from: worker, to: count, by: workers) {
                                try await client.publish(MQTTMessage(topic: topic, text: "message \(index)"))
                            }
                        }
                    }
                    var received = 0
                    for try await _ in messages {
                        received += 1
                        if received == count { break }
                    }
                    try await group.waitForAll()
                }
                return ContinuousClock.now - start
            }
            group.cancelAll()
            return duration
        }
    }
}
