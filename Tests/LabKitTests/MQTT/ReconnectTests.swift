import Foundation
import LabCore
import LabMQTT
import LabTesting
import Logging
import Synchronization
import Testing

@Suite("When the connection breaks", .timeLimit(.minutes(3)))
struct ReconnectTests {
    /// Shuts every socket down that this process has to the broker, as a lost network does.
    private func sever(_ broker: Broker) {
        for descriptor in 3..<1024 as Range<Int32> {
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let code = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getpeername(descriptor, $0, &length) }
            }
            if code == 0, address.sin_family == sa_family_t(AF_INET),
                Int(in_port_t(bigEndian: address.sin_port)) == broker.port
            {
                shutdown(descriptor, Int32(SHUT_RDWR))
            }
        }
    }

    @Test("the will is published when the client dies, and not when it says goodbye")
    func will() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/dns/alive")
        try await withClient(broker.configuration("watcher")) { watcher in
            try await watcher.withSubscription(to: [MQTTTopicFilter(topic)]) { messages in
                var configuration = broker.configuration("dns")
                configuration.will = MQTTMessage(
                    topic: topic, text: "dead", userProperties: [MQTTUserProperty("of", "dns")])
                let alive = MQTTMessage(topic: topic, text: "alive")
                try await withClient(configuration) { try await $0.publish(alive) }
                try await withClient(configuration) { dns in
                    try await dns.publish(alive)
                    sever(broker)
                    let received = try await take(3, from: messages)
                    #expect(received.map(\.text) == ["alive", "alive", "dead"])
                    #expect(received.last?.userProperties == [MQTTUserProperty("of", "dns")])
                }
            }
        }
    }

    @Test("state changes are told, with whether the broker kept the session")
    func states() async throws {
        let broker = try Broker()
        try await broker.start()
        let states = try await withClient(broker.configuration()) { client in
            var states: [MQTTConnectionState] = []
            for await state in client.connectionStates {
                states.append(state)
                guard case .connected = state else { continue }
                if states.count > 3 { break }
                sever(broker)
            }
            return states
        }
        let connected = states.filter { if case .connected = $0 { true } else { false } }
        #expect(connected == [.connected(sessionPresent: false), .connected(sessionPresent: true)])
        guard case .disconnected(.connectionLost?)? = states.dropLast().last else {
            return #expect(Bool(false), "\(states)")
        }
    }

    @Test(
        "no message is lost over broken connections with QoS 1, none doubled with QoS 2",
        arguments: [MQTTQualityOfService.atLeastOnce, .exactlyOnce])
    func severed(qualityOfService: MQTTQualityOfService) async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/count")
        let count = 300
        let texts = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(
                to: [MQTTTopicFilter(topic)], qualityOfService: qualityOfService
            ) { messages in
                async let published: Void = {
                    for index in 0..<count {
                        if index % 60 == 30 { sever(broker) }
                        try await client.publish(
                            MQTTMessage(topic: topic, text: "\(index)", qualityOfService: qualityOfService))
                    }
                    try await client.publish(
                        MQTTMessage(topic: topic, text: "end", qualityOfService: qualityOfService))
                }()
                var texts: [String] = []
                for try await message in messages {
                    if message.text == "end" { break }
                    texts.append(message.text ?? "")
                }
                try await published
                return texts
            }
        }
        #expect(Set(texts) == Set((0..<count).map { "\($0)" }))
        if qualityOfService == .exactlyOnce { #expect(texts.count == count) }
    }

    @Test("publishes that were on their way when the broker was killed complete when it is back")
    func killed() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/hanging")
        let port = broker.port
        try await withClient(broker.configuration()) { client in
            try await client.publish(MQTTMessage(topic: topic, text: "before"))
            broker.signal(SIGSTOP)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for index in 0..<50 {
                    group.addTask {
                        try await client.publish(
                            MQTTMessage(
                                topic: topic, text: "\(index)",
                                qualityOfService: index % 2 == 0 ? .atLeastOnce : .exactlyOnce))
                    }
                }
                try await Task.sleep(for: .milliseconds(200))
                broker.kill()
                try await Task.sleep(for: .milliseconds(300))
                try await broker.start()
                try await group.waitForAll()
            }
            #expect(broker.port == port)
            try await client.publish(MQTTMessage(topic: topic, text: "after"))
        }
    }

    @Test("a subscription goes on after the broker's restart and misses nothing that the broker had saved")
    func restart() async throws {
        let broker = try Broker(["allow_anonymous true", "persistence true"])
        try await broker.start()
        let topic = try MQTTTopic("lab/log")
        let texts = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { messages in
                async let published: Void = {
                    for index in 0..<400 {
                        if index == 200 {
                            broker.stop()
                            try await broker.start()
                        }
                        try await client.publish(MQTTMessage(topic: topic, text: "\(index)"))
                    }
                    try await client.publish(MQTTMessage(topic: topic, text: "end"))
                }()
                var texts: Set<String> = []
                for try await message in messages {
                    if message.text == "end" { break }
                    texts.insert(message.text ?? "")
                }
                try await published
                return texts
            }
        }
        let missing = Set((0..<400).map { "\($0)" }).subtracting(texts)
        #expect(missing.isEmpty)
    }

    @Test("a broker that forgets everything gets the subscription anew")
    func resubscribes() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/again")
        let received = try await withClient(broker.configuration()) { client in
            try await client.withSubscription(to: [MQTTTopicFilter(topic)]) { messages in
                broker.kill()
                try await broker.start()
                let publisher = Task {
                    while !Task.isCancelled {
                        try await client.publish(MQTTMessage(topic: topic, text: "again"))
                        try await Task.sleep(for: .milliseconds(50))
                    }
                }
                defer { publisher.cancel() }
                return try await take(1, from: messages)
            }
        }
        #expect(received.map(\.text) == ["again"])
    }

    @Test("who comes back within the session's time gets what it missed; who has ended its subscription does not")
    func returning() async throws {
        let broker = try Broker()
        try await broker.start()
        let topic = try MQTTTopic("lab/missed")
        let filter = MQTTTopicFilter(topic)
        let isReading = Atomic(false)
        let configuration = broker.configuration("reader")
        let cancelled = Task {
            try await withClient(configuration) { client in
                try await client.withSubscription(to: [filter]) { messages in
                    isReading.store(true, ordering: .relaxed)
                    for try await _ in messages {}
                }
            }
        }
        #expect(try await eventually { isReading.load(ordering: .relaxed) })
        cancelled.cancel()
        _ = await cancelled.result
        try await withClient(broker.configuration("writer")) {
            try await $0.publish(MQTTMessage(topic: topic, text: "missed"))
        }
        let received = try await withClient(configuration) { client in
            try await client.withSubscription(to: [filter]) { try await take(1, from: $0) }
        }
        #expect(received.map(\.text) == ["missed"])

        try await withClient(broker.configuration("writer")) {
            try await $0.publish(MQTTMessage(topic: topic, text: "unheard"))
        }
        let later = try await withClient(configuration) { client in
            try await client.withSubscription(to: [filter]) { messages in
                try await client.publish(MQTTMessage(topic: topic, text: "new"))
                return try await take(1, from: messages)
            }
        }
        #expect(later.map(\.text) == ["new"])
    }

    @Test("without a broker a publish waits as long as it is told, then says what is wrong")
    func noBroker() async throws {
        let broker = try Broker()
        var configuration = broker.configuration()
        configuration.operationTimeout = .milliseconds(500)
        let error = try await withClient(configuration) { client in
            await #expect(throws: MQTTError.self) {
                try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b"))
            }
        }
        guard case .notConnected(_, .milliseconds(500), let failure?)? = error else {
            return #expect(Bool(false), "\(String(describing: error))")
        }
        #expect(failure.contains("refused"), "\(failure)")
    }

    @Test("a publish begun before the broker is there completes when it comes")
    func lateBroker() async throws {
        let broker = try Broker()
        let configuration = broker.configuration()
        try await withClient(configuration) { client in
            async let published: Void = client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b"))
            try await Task.sleep(for: .milliseconds(300))
            try await broker.start()
            try await published
        }
    }

    @Test("without run() a publish says that it has not been called")
    func withoutRun() async throws {
        let broker = try Broker()
        var configuration = broker.configuration()
        configuration.operationTimeout = .milliseconds(50)
        let client = try MQTTClient(configuration, logger: Logger(label: "test"))
        let error = await #expect(throws: MQTTError.self) {
            try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b"))
        }
        #expect(error?.description.contains("run()") == true)
    }

    @Test("a cancelled publish returns at once, whether it waits for a connection or for the broker's answer")
    func cancellation() async throws {
        let broker = try Broker()
        try await withClient(broker.configuration()) { client in
            let waiting = Task { try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b")) }
            try await Task.sleep(for: .milliseconds(50))
            waiting.cancel()
            await #expect(throws: CancellationError.self) { try await waiting.value }

            try await broker.start()
            try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b"))
            broker.signal(SIGSTOP)
            let unanswered = Task { try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b")) }
            try await Task.sleep(for: .milliseconds(50))
            unanswered.cancel()
            await #expect(throws: CancellationError.self) { try await unanswered.value }
            broker.signal(SIGCONT)
            try await client.publish(MQTTMessage(topic: try MQTTTopic("a"), text: "b"))
        }
    }

    @Test("when run() ends, who still waits is told, and so is who comes later; a second run() is refused")
    func stopping() async throws {
        let broker = try Broker()
        try await broker.start()
        let client = try MQTTClient(broker.configuration(), logger: Logger(label: "test"))
        let running = Task { try await client.run() }
        let message = MQTTMessage(topic: try MQTTTopic("a"), text: "b")
        try await client.publish(message)
        let isReading = Atomic(false)
        let reader = Task {
            try await client.withSubscription(to: [MQTTTopicFilter("a")]) { messages in
                isReading.store(true, ordering: .relaxed)
                for try await _ in messages {}
            }
        }
        #expect(try await eventually { isReading.load(ordering: .relaxed) })
        running.cancel()
        try await running.value
        await #expect(throws: MQTTError.stopped) { try await reader.value }
        await #expect(throws: MQTTError.stopped) { try await client.publish(message) }
        await #expect(throws: MQTTError.alreadyRun) { try await client.run() }
        var states: [MQTTConnectionState] = []
        for await state in client.connectionStates { states.append(state) }
        #expect(states == [.disconnected(reason: .stopped)])
    }
}
