import LabMQTT
import Testing

@Suite("Publishing and subscribing on a real broker", .timeLimit(.minutes(2)))
struct RoundTripTests {
    @Test("a message arrives as it was published", arguments: MQTTQualityOfService.allCases)
    func roundTrip(qualityOfService: MQTTQualityOfService) async throws {
        let broker = try Broker()
        try await broker.start()
        let sent = MQTTMessage(
            topic: try MQTTTopic("lab/temperature"), payload: [0, 1, 0xFF, 0], qualityOfService: qualityOfService,
            contentType: "application/octet-stream", responseTopic: try MQTTTopic("lab/answers"),
            correlationData: [7, 0, 9], expiry: .seconds(600),
            userProperties: [MQTTUserProperty("unit", "°C"), MQTTUserProperty("unit", "K"), MQTTUserProperty("", "")])
        let received = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(
                to: [MQTTTopicFilter("lab/#")], qualityOfService: .exactlyOnce
            ) { messages in
                try await client.publish(sent)
                return try await take(1, from: messages)
            }
        }
        #expect(received == [sent])
    }

    @Test("an empty payload and one of a megabyte arrive whole")
    func sizes() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/blob")
        let large = (0..<1_048_576).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        let received = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { messages in
                try await client.publish(MQTTMessage(topic: topic, payload: []))
                try await client.publish(MQTTMessage(topic: topic, payload: large))
                return try await take(2, from: messages)
            }
        }
        #expect(received.map(\.payload) == [[], large])
    }

    @Test("a retained message reaches who subscribes later, and is marked")
    func retained() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/state")
        let received = try await withClient(broker.configuration()) { client in
            try await client.publish(MQTTMessage(topic: topic, text: "on", isRetained: true))
            return try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { try await take(1, from: $0) }
        }
        #expect(received.map(\.text) == ["on"])
        #expect(received.map(\.isRetained) == [true])
    }

    @Test("each of several overlapping subscriptions gets a message once")
    func overlapping() async throws {
        let broker = try Broker()
        try await broker.start()
        let wide = try MQTTTopicFilter("lab/#")
        let narrow = try MQTTTopicFilter("lab/+/power")
        let texts = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [narrow, wide]) { both in
                try await client.withSubscription(to: [wide]) { one in
                    try await client.withSubscription(to: [wide]) { same in
                        for text in ["1", "2"] {
                            try await client.publish(MQTTMessage(topic: try MQTTTopic("lab/tv/power"), text: text))
                        }
                        var texts: [[String?]] = []
                        for messages in [both, one, same] {
                            texts.append(try await take(2, from: messages).map(\.text))
                        }
                        return texts
                    }
                }
            }
        }
        #expect(texts == [["1", "2"], ["1", "2"], ["1", "2"]])
    }

    @Test("the members of a share group get each message once between them")
    func shared() async throws {
        let broker = try Broker()
        try await broker.start()
        let filter = try MQTTTopicFilter("$share/workers/jobs/+")
        let topic = try MQTTTopic("jobs/1")
        let texts = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [filter]) { first in
                try await client.withSubscription(to: [filter]) { second in
                    for index in 0..<10 { try await client.publish(MQTTMessage(topic: topic, text: "\(index)")) }
                    return try await withThrowingTaskGroup(of: String?.self) { group in
                        for messages in [first, second] {
                            group.addTask {
                                try await take(5, from: messages).compactMap(\.text).joined(separator: " ")
                            }
                        }
                        return try await group.reduce(into: []) { $0 += $1?.split(separator: " ") ?? [] }
                    }
                }
            }
        }
        #expect(texts.sorted() == (0..<10).map { "\($0)" })
    }

    @Test("a subscription that has ended leaves nothing behind at the broker")
    func unsubscribing() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/late")
        let received = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { _ in }
            try await client.publish(MQTTMessage(topic: topic, text: "unheard"))
            return try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { messages in
                try await client.publish(MQTTMessage(topic: topic, text: "heard"))
                return try await take(1, from: messages)
            }
        }
        #expect(received.map(\.text) == ["heard"])
    }
}
