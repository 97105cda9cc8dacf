import Glibc

/// The one thread of a client: owns every connection, waits for sockets, commands and timers, and does all calls into
/// the library.
final class NetworkLoop {
    private let configuration: MQTTConfiguration
    private let inbox: Inbox
    private let publisher: Link
    private let publisherRole: PublisherRole
    private var subscribers: [UInt64: (link: Link, role: SubscriberRole)] = [:]
    private var isStopping = false

    init(_ configuration: MQTTConfiguration, inbox: Inbox, status: ConnectionStatus) throws(MQTTError) {
        self.configuration = configuration
        self.inbox = inbox
        let role = PublisherRole(configuration, status: status)
        publisherRole = role
        // What comes over this connection is acknowledgements; nothing is subscribed to.
        let handle = try MosquittoHandle(
            configuration, clientID: configuration.clientID, will: configuration.will, receiveMaximum: 20)
        publisher = Link(role, handle: handle, configuration: configuration)
    }

    /// Returns when every connection has ended, with the error that makes going on useless.
    func run() -> MQTTError? {
        publisher.start()
        while !hasEnded {
            let now = ContinuousClock.now
            for link in links {
                // Without a word from poll nobody knows; the library's check comes with the next round.
                link.timePassed(now, nothingToRead: quietSockets.contains(ObjectIdentifier(link)))
            }
            removeEnded()
            if publisher.hasEnded, !isStopping { stop() }
            waitForSockets()
            for command in inbox.takeAll() { handle(command) }
        }
        return publisherRole.failure
    }

    private var links: [Link] { [publisher] + subscribers.values.map(\.link) }
    private var hasEnded: Bool { publisher.hasEnded && subscribers.isEmpty }
    /// The connections of which the last poll said that all they sent has been read.
    private var quietSockets: Set<ObjectIdentifier> = []

    private func waitForSockets() {
        let links = links
        var descriptors = [pollfd(fd: inbox.descriptor, events: Int16(POLLIN), revents: 0)]
        var owners: [Link] = []
        for link in links {
            if let interest = link.interest {
                descriptors.append(interest)
                owners.append(link)
            }
        }
        let timeout = hasEnded ? 0 : Self.milliseconds(until: links.compactMap(\.deadline).min())
        let count = poll(&descriptors, nfds_t(descriptors.count), timeout)
        quietSockets.removeAll(keepingCapacity: true)
        guard count >= 0 else { return }
        for (link, descriptor) in zip(owners, descriptors.dropFirst()) {
            if descriptor.revents & Int16(POLLIN) == 0, descriptor.events & Int16(POLLIN) != 0 {
                quietSockets.insert(ObjectIdentifier(link))
            }
            if descriptor.revents != 0 { link.socketIsReady(descriptor.revents) }
        }
    }

    /// Rounded up, so that a deadline is over when poll returns; a minute at most.
    private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
        guard let deadline else { return 60_000 }
        let left = ContinuousClock.now.duration(to: deadline)
        guard left > .zero else { return 0 }
        let (seconds, attoseconds) = min(left, .seconds(60)).components
        return Int32(seconds * 1000 + attoseconds / 1_000_000_000_000_000 + 1)
    }

    private func handle(_ command: Command) {
        switch command {
        case .publish(let request):
            guard !isStopping else { return request.ticket.finish(.failure(MQTTError.stopped)) }
            publisher.use { publisherRole.publish(request, over: $0) }
        case .subscribe(let request):
            guard !isStopping else { return request.ticket.finish(.failure(MQTTError.stopped)) }
            subscribe(request)
        case .endSubscription(let id, let keepsSession):
            guard let (link, role) = subscribers[id] else { return }
            role.forgetsSession = role.forgetsSession || !keepsSession
            link.stop()
            removeEnded()
        case .stop:
            stop()
        }
    }

    private func subscribe(_ request: SubscribeRequest) {
        let clientID = SubscriptionName.clientID(
            of: request.filters, client: configuration.clientID, taken: Set(subscribers.values.map(\.role.clientID)))
        let role = SubscriberRole(request, clientID: clientID)
        do throws(MQTTError) {
            let handle = try MosquittoHandle(
                configuration, clientID: clientID, will: nil,
                receiveMaximum: min(max(request.buffer.capacity, 1), 1000))
            let link = Link(role, handle: handle, configuration: configuration)
            subscribers[request.id] = (link, role)
            link.start()
        } catch {
            role.ended(error)
        }
    }

    private func stop() {
        isStopping = true
        for link in links { link.stop() }
        removeEnded()
    }

    private func removeEnded() {
        for (id, subscriber) in subscribers where subscriber.link.hasEnded { subscribers[id] = nil }
    }
}
