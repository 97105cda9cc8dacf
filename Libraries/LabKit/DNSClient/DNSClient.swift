public import LabCore
import NIOCore
import Synchronization

/// Asks one DNS server, in order to see what it answers to the machines of the network.
///
/// It keeps no cache and follows nothing: what ``ask(_:_:transport:timeout:)`` returns is what the server said just
/// now. Any number of tasks may ask at once; they share one UDP socket.
public final class DNSClient: Sendable {
    /// The server in messages, `address:port`.
    public let server: String
    private let address: String
    private let port: Int
    private let slots: Slots
    private let exchange = Mutex<Task<UDPExchange, any Error>?>(nil)
    private let isShutDown = Atomic(false)

    /// - Parameters:
    ///   - server: an IPv4 or IPv6 address.
    ///   - port: 1 to 65,535.
    ///   - questionsInFlight: how many questions are open at once, 1 to 4,096; further ones wait their turn. More than
    ///     a server's receive buffer holds only costs repeats.
    public init(server: String, port: Int = 53, questionsInFlight: Int = 128) {
        self.server = server.contains(":") ? "[\(server)]:\(port)" : "\(server):\(port)"
        address = server
        self.port = port
        slots = Slots(min(max(questionsInFlight, 1), 4096))
    }

    deinit { closeSocket() }

    /// Asks one question.
    ///
    /// Over UDP it is sent up to three times, each with an id of its own, in equal parts of the time-out.
    /// - Parameter timeout: for the answer as a whole, without the wait for a turn.
    /// - Throws: ``DNSClientError`` where there is no answer; `CancellationError`. A negative answer is an answer.
    public func ask(
        _ name: RecordName, _ type: DNSRecordType, transport: DNSTransport = .automatic, timeout: Duration = .seconds(3)
    ) async throws -> DNSAnswer {
        guard let socketAddress = try? SocketAddress(ipAddress: address, port: port) else {
            throw DNSClientError.unreachable(server: server, detail: "“\(address)” is not an IP address")
        }
        let question = DNSQuestion(name: name.text, type: type)
        await slots.take()
        defer { slots.give() }
        try Task.checkCancellation()
        let end = ContinuousClock.now + timeout
        if transport != .tcp {
            let answer = try await askByUDP(question, at: socketAddress, timeout: timeout)
            if transport == .udp || !answer.isTruncated { return answer }
        }
        guard !isShutDown.load(ordering: .acquiring) else { throw DNSClientError.shutDown }
        return try await TCPExchange.ask(
            question, at: socketAddress, server: server, timeout: ContinuousClock.now.duration(to: end))
    }

    /// Closes the socket. Open questions, and later ones, throw ``DNSClientError/shutDown``.
    public func shutdown() {
        closeSocket()
    }

    private func askByUDP(_ question: DNSQuestion, at address: SocketAddress, timeout: Duration) async throws
        -> DNSAnswer
    {
        let attempts = 3
        for attempt in 1...attempts {
            let exchange = try await openExchange(to: address)
            do {
                return try await exchange.ask(question, timeout: timeout / attempts)
            } catch DNSClientError.timedOut where attempt < attempts {
                continue
            }
        }
        throw DNSClientError.timedOut(server: server, question: "\(question)")
    }

    /// The socket, opened by whoever asks first, and anew when it was closed because the server was away.
    private func openExchange(to address: SocketAddress) async throws -> UDPExchange {
        while true {
            let (opening, exchange) = try await sharedExchange(to: address)
            if exchange.isActive { return exchange }
            self.exchange.withLock { if $0 == opening { $0 = nil } }
            try Task.checkCancellation()
        }
    }

    private func sharedExchange(
        to address: SocketAddress
    ) async throws -> (Task<UDPExchange, any Error>, UDPExchange) {
        let opening = try exchange.withLock { exchange throws in
            guard !isShutDown.load(ordering: .acquiring) else { throw DNSClientError.shutDown }
            if let exchange { return exchange }
            let server = server
            let task = Task<UDPExchange, any Error> { try await UDPExchange.connect(to: address, server: server) }
            exchange = task
            return task
        }
        do {
            return (opening, try await opening.value)
        } catch {
            // The next question tries again.
            exchange.withLock { if $0 == opening { $0 = nil } }
            throw error
        }
    }

    private func closeSocket() {
        isShutDown.store(true, ordering: .releasing)
        let opening = exchange.withLock { exchange in
            defer { exchange = nil }
            return exchange
        }
        if let opening {
            Task { try? await opening.value.close() }
        }
    }
}

/// A count of turns. Turns end with a question's time-out at the latest, so waiting for one is bounded.
final class Slots: Sendable {
    private struct State {
        var free: Int
        var first = 0
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>

    init(_ count: Int) {
        state = Mutex(State(free: count))
    }

    func take() async {
        await withCheckedContinuation { continuation in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    func give() {
        let next: CheckedContinuation<Void, Never>? = state.withLock { state in
            guard state.first < state.waiting.count else {
                state.free += 1
                state.waiting.removeAll()
                state.first = 0
                return nil
            }
            let next = state.waiting[state.first]
            state.first += 1
            if state.first == 1024 {
                state.waiting.removeFirst(state.first)
                state.first = 0
            }
            return next
        }
        next?.resume()
    }
}
