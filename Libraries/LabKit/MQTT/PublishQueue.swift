/// Which publishes wait, which are on their way, and what becomes of them, as rules alone.
///
/// No more than `limit` are with the library at once: it walks its whole list for every publish and acknowledgement.
/// Those with QoS 1 and 2 stay on their way over a broken connection, because the library sends them again.
struct PublishQueue {
    typealias ID = UInt64
    /// The packet identifier, which the library gives to QoS 0 as well.
    typealias PacketID = Int32

    enum Event {
        case submitted(ID, MQTTQualityOfService)
        /// The library has taken the message under this packet identifier.
        case handedOver(ID, PacketID)
        /// The library did not take the message, or nobody waits for it any more.
        case dropped(ID)
        /// QoS 0: written to the socket; QoS 1 and 2: the broker's last word.
        case acknowledged(PacketID, MQTTReasonCode)
        /// The number is the broker's Receive Maximum (MQTT 5, 3.2.2.3.3).
        case connected(receiveMaximum: Int)
        case disconnected
        /// The wait for a connection has become too long.
        case waitedTooLong
    }

    enum Action: Equatable {
        case handOver(ID)
        case complete(ID, MQTTReasonCode)
        /// QoS 0 while the connection broke.
        case lost(ID)
        case notConnected(ID)
    }

    private let configuredLimit: Int
    private var limit: Int
    private var isConnected = false
    private var waiting: [(id: ID, qualityOfService: MQTTQualityOfService)] = []
    private var firstWaiting = 0
    /// Given out by `.handOver`, not answered yet.
    private var handingOver: [ID: MQTTQualityOfService] = [:]
    private var onTheirWay: [PacketID: (id: ID, qualityOfService: MQTTQualityOfService)] = [:]

    init(limit: Int) {
        configuredLimit = limit
        self.limit = limit
    }

    var hasWaiting: Bool { firstWaiting < waiting.count }

    mutating func handle(_ event: Event) -> [Action] {
        switch event {
        case .submitted(let id, let qualityOfService):
            waiting.append((id, qualityOfService))
            return release()
        case .handedOver(let id, let packetID):
            guard let qualityOfService = handingOver.removeValue(forKey: id) else { return [] }
            onTheirWay[packetID] = (id, qualityOfService)
            return []
        case .dropped(let id):
            handingOver.removeValue(forKey: id)
            return release()
        case .acknowledged(let packetID, let reason):
            guard let entry = onTheirWay.removeValue(forKey: packetID) else { return [] }
            return [.complete(entry.id, reason)] + release()
        case .connected(let receiveMaximum):
            isConnected = true
            limit = max(1, min(configuredLimit, receiveMaximum))
            return release()
        case .disconnected:
            isConnected = false
            let lost = onTheirWay.filter { $0.value.qualityOfService == .atMostOnce }
            for packetID in lost.keys { onTheirWay.removeValue(forKey: packetID) }
            return lost.values.map(\.id).sorted().map(Action.lost)
        case .waitedTooLong:
            guard !isConnected else { return [] }
            let late = waiting[firstWaiting...].map { Action.notConnected($0.id) }
            waiting.removeAll()
            firstWaiting = 0
            return late
        }
    }

    private mutating func release() -> [Action] {
        guard isConnected else { return [] }
        var actions: [Action] = []
        while firstWaiting < waiting.count, handingOver.count + onTheirWay.count < limit {
            let next = waiting[firstWaiting]
            firstWaiting += 1
            handingOver[next.id] = next.qualityOfService
            actions.append(.handOver(next.id))
        }
        if firstWaiting == waiting.count {
            waiting.removeAll(keepingCapacity: true)
            firstWaiting = 0
        } else if firstWaiting > 1024, firstWaiting > waiting.count / 2 {
            waiting.removeFirst(firstWaiting)
            firstWaiting = 0
        }
        return actions
    }
}
