/// A publish on its way from a task to the network thread.
struct PublishRequest: Sendable {
    let message: MQTTMessage
    let ticket: Ticket<Void>
}

/// The connection that everything is published over: it is always read, so that acknowledgements come whatever the
/// subscribers do.
final class PublisherRole: LinkRole {
    private var queue: PublishQueue
    private var requests: [PublishQueue.ID: PublishRequest] = [:]
    private var nextID: PublishQueue.ID = 0
    private let configuration: MQTTConfiguration
    private let status: ConnectionStatus
    private(set) var deadline: ContinuousClock.Instant?
    /// Why `run()` ends, if not because it was told to.
    private(set) var failure: MQTTError?

    init(_ configuration: MQTTConfiguration, status: ConnectionStatus) {
        self.configuration = configuration
        self.status = status
        queue = PublishQueue(limit: configuration.maximumInFlight)
    }

    var wantsToRead: Bool { true }
    var forgetsSession: Bool { false }

    func publish(_ request: PublishRequest, over handle: MosquittoHandle) {
        nextID += 1
        requests[nextID] = request
        perform(queue.handle(.submitted(nextID, request.message.qualityOfService)), over: handle)
    }

    func connected(sessionPresent: Bool, receiveMaximum: Int, over handle: MosquittoHandle) {
        deadline = nil
        perform(queue.handle(.connected(receiveMaximum: receiveMaximum)), over: handle)
        status.connected(sessionPresent: sessionPresent)
    }

    func disconnected(_ error: MQTTError) {
        if deadline == nil { deadline = .now.advanced(by: configuration.operationTimeout) }
        status.disconnected(error)
        perform(queue.handle(.disconnected), over: nil)
    }

    func handle(_ event: MosquittoHandle.Event, over handle: MosquittoHandle) -> MQTTError? {
        if case .acknowledged(let packetID, let reason) = event {
            perform(queue.handle(.acknowledged(packetID, reason)), over: handle)
        }
        return nil
    }

    func timePassed(_ now: ContinuousClock.Instant) {
        guard let deadline, deadline <= now else { return }
        self.deadline = nil
        perform(queue.handle(.waitedTooLong), over: nil)
    }

    func ended(_ error: MQTTError?) {
        failure = error
        for request in requests.values { request.ticket.finish(.failure(error ?? .stopped)) }
        requests.removeAll()
    }

    /// Carries out the queue's actions, and those that come of them. Nothing is handed over without a connection, so
    /// `handle` is needed only where there is one.
    private func perform(_ actions: [PublishQueue.Action], over handle: MosquittoHandle?) {
        var actions = actions
        var next = 0
        while next < actions.count {
            let action = actions[next]
            next += 1
            switch action {
            case .handOver(let id):
                if let handle { actions += handOver(id, to: handle) }
            case .complete(let id, let reason):
                finish(id) { message in
                    // A forgotten half-done QoS 2 message: the broker has had it since its PUBREC.
                    reason.isFailure && reason != .packetIdentifierNotFound
                        ? .publishRefused(topic: message.topic.text, reason) : nil
                }
            case .lost(let id):
                finish(id) { _ in
                    .connectionLost(
                        broker: configuration.broker, detail: "it broke while a QoS 0 message was being sent")
                }
            case .notConnected(let id):
                finish(id) { _ in status.notConnected(waited: configuration.operationTimeout) }
            }
        }
    }

    private func handOver(_ id: PublishQueue.ID, to handle: MosquittoHandle) -> [PublishQueue.Action] {
        guard let request = requests[id], !request.ticket.isFinished else {
            requests.removeValue(forKey: id)
            return queue.handle(.dropped(id))
        }
        switch handle.publish(request.message) {
        case .taken(let packetID):
            return queue.handle(.handedOver(id, packetID))
        case .connectionLost:
            finish(id) { _ in
                .connectionLost(broker: configuration.broker, detail: "it broke while a QoS 0 message was being sent")
            }
        case .refused(let detail):
            finish(id) { .invalidMessage(topic: $0.topic.text, detail: detail) }
        }
        return queue.handle(.dropped(id))
    }

    private func finish(_ id: PublishQueue.ID, error: (MQTTMessage) -> MQTTError?) {
        guard let request = requests.removeValue(forKey: id) else { return }
        if let error = error(request.message) {
            request.ticket.finish(.failure(error))
        } else {
            request.ticket.finish(.success(()))
        }
    }
}
