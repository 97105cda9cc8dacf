import Synchronization
import Testing

@testable import LabMQTT

@Suite("The buffer between the network thread and a reader")
struct MessageBufferTests {
    private func message(_ index: Int) throws -> MQTTMessage {
        MQTTMessage(topic: try MQTTTopic("t"), text: "\(index)")
    }

    @Test("it is full at its capacity, and drained at half of it, once")
    func fullAndDrained() async throws {
        let drained = Atomic(0)
        let buffer = MessageBuffer(capacity: 4) { drained.add(1, ordering: .relaxed) }
        for index in 0..<4 { buffer.append(try message(index)) }
        #expect(buffer.isFull)
        _ = try await buffer.next()
        #expect(buffer.isFull)
        _ = try await buffer.next()
        #expect(!buffer.isFull)
        _ = try await buffer.next()
        #expect(drained.load(ordering: .relaxed) == 1)
    }

    @Test("the end comes after the messages, and messages after the end are dropped")
    func end() async throws {
        let buffer = MessageBuffer(capacity: 4) {}
        buffer.append(try message(1))
        buffer.finish(.failure(MQTTError.stopped))
        buffer.finish(.success(()))
        buffer.append(try message(2))
        #expect(try await buffer.next()?.text == "1")
        await #expect(throws: MQTTError.stopped) { try await buffer.next() }
        await #expect(throws: MQTTError.stopped) { try await buffer.next() }
    }

    @Test("a waiting reader is woken by a message, by the end and by its cancellation")
    func waking() async throws {
        let buffer = MessageBuffer(capacity: 4) {}
        let cancelled = Task { try await buffer.next() }
        cancelled.cancel()
        await #expect(throws: CancellationError.self) { try await cancelled.value }

        let reader = Task { try await buffer.next()?.text }
        try await Task.sleep(for: .milliseconds(20))
        buffer.append(try message(1))
        #expect(try await reader.value == "1")

        let last = Task { try await buffer.next() }
        try await Task.sleep(for: .milliseconds(20))
        buffer.finish(.success(()))
        #expect(try await last.value == nil)
    }

    @Test("ten thousand messages come out in order")
    func order() async throws {
        let buffer = MessageBuffer(capacity: 16) {}
        var read: [String] = []
        for index in 0..<10_000 {
            buffer.append(try message(index))
            if index % 3 == 2 { for _ in 0..<2 { read.append(try await buffer.next()?.text ?? "") } }
        }
        buffer.finish(.success(()))
        while let message = try await buffer.next() { read.append(message.text ?? "") }
        #expect(read == (0..<10_000).map { "\($0)" })
    }
}
