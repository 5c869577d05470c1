import Domain
import EventSourcing
import TestKit
import Testing

@Suite struct ReferenceTests {
    let first = OrderID("o-1")
    let second = OrderID("o-2")

    @Test func `a reference belongs to the order that claims it first`() throws {
        let (first, second) = (try #require(first), try #require(second))
        try given(Reference.self).when(.claim("m-1", for: first)).then(.claimed("m-1", by: first))
        try given(Reference.self, .claimed("m-1", by: first))
            .when(.claim("m-1", for: second)).thenRejected(.taken(by: first))
        try given(Reference.self, .claimed("m-1", by: first))
            .when(.claim("m-1", for: first)).thenNothing()
    }

    @Test func `each erasure of a customer is a fact`() throws {
        try given(Customer.self).when(.erase).then(.erased)
        try given(Customer.self, .erased).when(.erase).then(.erased)
    }
}
