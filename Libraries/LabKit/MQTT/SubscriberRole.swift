/// A subscription on its way from a task to the network thread.
struct SubscribeRequest: Sendable {
    let id: UInt64
    let filters: [MQTTTopicFilter]
    let qualityOfService: MQTTQualityOfService
    let buffer: MessageBuffer
    /// Answered when the broker has granted the subscription.
    let ticket: Ticket<Void>
}

/// The connection of one subscription.
///
/// Each has its own because the library acknowledges a message before it hands it over, so that the only way to hold
/// the broker back is not to read; on a shared connection that would also hold back the acknowledgements of publishes
/// and the messages of others, and a reader that publishes between two messages would wait for itself.
final class SubscriberRole: LinkRole {
    let request: SubscribeRequest
    /// The name of the session at the broker.
    let clientID: String
    var forgetsSession = false
    private var packetID: Int32?
    private var wasGranted = false

    init(_ request: SubscribeRequest, clientID: String) {
        self.request = request
        self.clientID = clientID
    }

    var wantsToRead: Bool { !request.buffer.isFull }
    var deadline: ContinuousClock.Instant? { nil }

    func connected(sessionPresent: Bool, receiveMaximum: Int, over handle: MosquittoHandle) {
        packetID = handle.subscribe(
            to: request.filters, qualityOfService: request.qualityOfService, onlyNewRetained: wasGranted)
    }

    func disconnected(_ error: MQTTError) {
        packetID = nil
    }

    func handle(_ event: MosquittoHandle.Event, over handle: MosquittoHandle) -> MQTTError? {
        switch event {
        case .received(let message):
            request.buffer.append(message)
        case .granted(let packetID, let reasons) where packetID == self.packetID:
            if let (filter, reason) = zip(request.filters, reasons).first(where: { $0.1.isFailure }) {
                forgetsSession = true
                return .subscribeRefused(filter: filter.text, reason)
            }
            wasGranted = true
            request.ticket.finish(.success(()))
        default:
            break
        }
        return nil
    }

    func timePassed(_ now: ContinuousClock.Instant) {}

    func ended(_ error: MQTTError?) {
        request.ticket.finish(.failure(error ?? .stopped))
        request.buffer.finish(.failure(error ?? .stopped))
    }
}
