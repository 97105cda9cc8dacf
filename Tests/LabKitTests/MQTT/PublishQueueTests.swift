import Testing

@testable import LabMQTT

@Suite("The queue of publishes, without a socket")
struct PublishQueueTests {
    @Test("nothing is handed over before there is a connection, then all in order")
    func waits() {
        var queue = PublishQueue(limit: 10)
        #expect(queue.handle(.submitted(1, .atLeastOnce)) == [])
        #expect(queue.handle(.submitted(2, .atMostOnce)) == [])
        #expect(queue.handle(.connected(receiveMaximum: 100)) == [.handOver(1), .handOver(2)])
    }

    @Test("no more than the limit, and than the broker allows, are on their way")
    func limit() {
        for (own, brokers) in [(2, 100), (100, 2)] {
            var queue = PublishQueue(limit: own)
            _ = queue.handle(.connected(receiveMaximum: brokers))
            #expect(queue.handle(.submitted(1, .atLeastOnce)) == [.handOver(1)])
            #expect(queue.handle(.handedOver(1, 11)) == [])
            #expect(queue.handle(.submitted(2, .exactlyOnce)) == [.handOver(2)])
            #expect(queue.handle(.submitted(3, .atLeastOnce)) == [])
            #expect(queue.handle(.acknowledged(11, .success)) == [.complete(1, .success), .handOver(3)])
        }
    }

    @Test("the broker's reason reaches the publish it belongs to, and a second answer nobody")
    func reasons() {
        var queue = PublishQueue(limit: 10)
        _ = queue.handle(.connected(receiveMaximum: 10))
        for id in 1...2 as ClosedRange<UInt64> {
            _ = queue.handle(.submitted(id, .atLeastOnce))
            _ = queue.handle(.handedOver(id, Int32(id) + 10))
        }
        #expect(queue.handle(.acknowledged(12, .notAuthorized)) == [.complete(2, .notAuthorized)])
        #expect(queue.handle(.acknowledged(12, .success)) == [])
        #expect(queue.handle(.acknowledged(11, .success)) == [.complete(1, .success)])
    }

    @Test("a broken connection loses QoS 0 alone; the others are answered over the next")
    func disconnect() {
        var queue = PublishQueue(limit: 10)
        _ = queue.handle(.connected(receiveMaximum: 10))
        for (id, qualityOfService) in zip([1, 2, 3] as [UInt64], MQTTQualityOfService.allCases) {
            _ = queue.handle(.submitted(id, qualityOfService))
            _ = queue.handle(.handedOver(id, Int32(id)))
        }
        #expect(queue.handle(.disconnected) == [.lost(1)])
        #expect(queue.handle(.waitedTooLong) == [])
        #expect(queue.handle(.connected(receiveMaximum: 10)) == [])
        #expect(queue.handle(.acknowledged(3, .success)) == [.complete(3, .success)])
        #expect(queue.handle(.acknowledged(2, .success)) == [.complete(2, .success)])
    }

    @Test("what was not sent gives up after the wait, but not once there is a connection")
    func waitedTooLong() {
        var queue = PublishQueue(limit: 10)
        _ = queue.handle(.submitted(1, .atLeastOnce))
        #expect(queue.handle(.waitedTooLong) == [.notConnected(1)])
        #expect(queue.handle(.connected(receiveMaximum: 10)) == [])

        _ = queue.handle(.submitted(2, .atLeastOnce))
        #expect(queue.handle(.waitedTooLong) == [])
    }

    @Test("a dropped publish makes room for the next")
    func dropped() {
        var queue = PublishQueue(limit: 1)
        _ = queue.handle(.connected(receiveMaximum: 10))
        #expect(queue.handle(.submitted(1, .atLeastOnce)) == [.handOver(1)])
        #expect(queue.handle(.submitted(2, .atLeastOnce)) == [])
        #expect(queue.handle(.dropped(1)) == [.handOver(2)])
    }

    @Test("ten thousand in a row are handed over and answered once each, in order")
    func many() {
        var queue = PublishQueue(limit: 7)
        var handedOver: [UInt64] = []
        var completed: [UInt64] = []
        func carryOut(_ actions: [PublishQueue.Action]) {
            var actions = actions
            while !actions.isEmpty {
                switch actions.removeFirst() {
                case .handOver(let id):
                    handedOver.append(id)
                    actions += queue.handle(.handedOver(id, Int32(id)))
                case .complete(let id, _): completed.append(id)
                case .lost, .notConnected: #expect(Bool(false))
                }
            }
        }
        for id in 1...10_000 as ClosedRange<UInt64> { carryOut(queue.handle(.submitted(id, .atLeastOnce))) }
        carryOut(queue.handle(.connected(receiveMaximum: 65_535)))
        #expect(handedOver.count == 7)
        for id in 1...10_000 as ClosedRange<Int32> { carryOut(queue.handle(.acknowledged(id, .success))) }
        #expect(handedOver == Array(1...10_000))
        #expect(completed == Array(1...10_000))
    }
}
