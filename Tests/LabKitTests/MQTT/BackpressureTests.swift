import LabCore
import Testing

@testable import LabMQTT

@Suite("Slow readers", .timeLimit(.minutes(5)))
struct BackpressureTests {
    @Test("a reader that sleeps while 20,000 messages come keeps few of them here, and in the end gets all in order")
    func sleeper() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/flood")
        let count = 20_000
        let (texts, peak) = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(topic)], bufferSize: 64) { messages in
                for index in 0..<count { try await client.publish(MQTTMessage(topic: topic, text: "\(index)")) }
                return (try await take(count, from: messages).compactMap(\.text), messages.buffer.peak)
            }
        }
        #expect(texts == (0..<count).map { "\($0)" })
        #expect(peak >= 64 && peak < 160, "64 and what one read of the socket brought, not \(peak)")
    }

    @Test("a reader that publishes for every message it reads does not wait for itself")
    func publishingReader() async throws {
        let broker = try Broker()
        try await broker.start()
        let question = try MQTTTopic("lab/question")
        let answer = try MQTTTopic("lab/answer")
        try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(question)], bufferSize: 2) { messages in
                for index in 0..<500 { try await client.publish(MQTTMessage(topic: question, text: "\(index)")) }
                var answered = 0
                for try await message in messages {
                    try await client.publish(MQTTMessage(topic: answer, payload: message.payload))
                    answered += 1
                    if answered == 500 { break }
                }
            }
        }
    }

    @Test("a reader that sleeps for three keep-alives keeps its connection, and another's messages come meanwhile")
    func keepAlive() async throws {
        let broker = try Broker()
        try await broker.start()
        var configuration = broker.configuration("sleepy")
        configuration.keepAlive = .seconds(5)
        let topic = try MQTTTopic("lab/slow")
        try await withClient(configuration) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(topic)], bufferSize: 1) { slow in
                try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { quick in
                    for index in 0..<10 { try await client.publish(MQTTMessage(topic: topic, text: "\(index)")) }
                    #expect(try await take(10, from: quick).count == 10)
                    try await Task.sleep(for: .seconds(16))
                    let texts = try await take(10, from: slow).compactMap(\.text)
                    #expect(texts == (0..<10).map { "\($0)" })
                }
            }
        }
        let connections = broker.log.split(separator: "\n").count { $0.contains("New client connected") }
        #expect(connections == 3, "\(broker.log)")
    }
}
